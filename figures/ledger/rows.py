"""The rows of the fidelity ledger, as a face flows; `table` makes a table of them."""

from dataclasses import dataclass

NOT_MEASURED = "not measured yet"


@dataclass(frozen=True)
class Row:
    """One claim of the paper, or one question that it leaves open.

    Args:
        claim: what is claimed or asked, in words.
        known_from: how well that is known, in the letters of `table.LEGEND`.
        where: dotted names in `vtff_lib` of what does it.
        tests: the tests that hold it, as `test_lbp::test_outside_the_image_is_zero`.
        equation: as the module's docstring writes it, with single spaces; `""` if there is none.
        ours: where the sources are silent or disagree, or we differ: what we chose, and why.
        cost: of that choice, as measured; `{file[key][key]:.1%}` is read from `figures/file.json`.
            Given exactly where `ours` is.
    """

    claim: str
    known_from: str
    where: tuple[str, ...]
    tests: tuple[str, ...]
    equation: str = ""
    ours: str = ""
    cost: str = ""


ROWS = (
    Row(
        "A face goes through two trunks, a fusion and a transformer encoder; [cls] is classified.",
        "S",
        ("vtff.VTFF.forward",),
        (
            "test_vtff::test_maps_are_what_the_parts_computed",
            "test_vtff::test_shape_trace_follows_the_image_through_the_parts",
        ),
        "rgb, lbp -> X_RGB, X_LBP -> X_fused -> [cls], tokens -> encoder -> [cls] -> logits",
    ),
    Row(
        "The LBP image is made of each of R, G and B, and has three channels like its input.",
        "S",
        ("lbp.LocalBinaryPattern",),
        (
            "test_lbp::test_leading_dimensions_are_separate_pictures",
            "test_vtff::test_the_lbp_made_inside_is_the_one_given_and_it_matters",
        ),
        ours="As the review's section on the model says. Where it introduces LBP in general, it "
        "makes the image grey first.",
        cost=NOT_MEASURED,
    ),
    Row(
        "A code: the eight neighbours of a 3×3 window, larger than the centre 1, smaller 0, read "
        "left to right and top to bottom, first bit highest. Worked example: centre 90 gives 141.",
        "S",
        ("lbp.local_binary_pattern", "lbp.OFFSETS"),
        (
            "test_lbp::test_reading_order_gives_the_seeds_worked_example",
            "test_lbp::test_each_neighbour_sets_its_own_bit",
        ),
        "code(c) = Σ_k 2^(7-k) · [x_k >= x_c], k = 0..7 over the 3×3 window without its centre c",
    ),
    Row(
        "Which bit does a neighbour give that is equal to the centre?",
        "?",
        ("lbp.local_binary_pattern",),
        (
            "test_lbp::test_a_neighbour_equal_to_the_centre_counts_as_larger",
            "test_lbp::test_circular_order_is_scikit_image",
        ),
        ours="1, as in scikit-image, so that an independent implementation can be the test.",
        cost=NOT_MEASURED,
    ),
    Row(
        "What lies outside the image?",
        "?",
        ("lbp.local_binary_pattern",),
        ("test_lbp::test_outside_the_image_is_zero",),
        ours="0, as in scikit-image. It touches the codes of the outermost ring of pixels alone.",
        cost=NOT_MEASURED,
    ),
    Row(
        "Are all 256 codes used, and how are they scaled for the trunk?",
        "?",
        ("inputs.Normalise", "config.VTFFConfig.lbp_mean"),
        ("test_vtff::test_both_views_are_normalised_as_the_settings_say",),
        ours="All. A code is divided by 255, less 0.5, over 0.35: near mean 0 and spread 1.",
        cost=NOT_MEASURED,
    ),
    Row(
        "Each view has a ResNet-18 of its own, both of one design; R = 32, so 224×224 pixels "
        "become 512×7×7.",
        "S; 512×7×7: R2",
        ("backbone.ResNetTrunk", "config.VTFFConfig.reduction"),
        (
            "test_backbone::test_same_weights_give_torchvisions_features_and_gradients",
            "test_backbone::test_every_size_keeps_its_promise_about_shapes",
            "test_vtff::test_the_two_trunks_are_of_one_design_and_share_no_weights",
        ),
        "(N, 3, H, W) -> (N, C, H/R, W/R), R = 32, C = 512 for ResNet-18 (rounded up)",
    ),
    Row(
        "The trunks start from weights trained on MS-Celeb-1M.",
        "S",
        ("backbone.ResNetTrunk.load_published_weights",),
        (
            "test_backbone::test_every_published_form_fills_the_whole_trunk",
            "test_backbone::test_wrong_files_are_refused_in_words_and_change_nothing",
        ),
        ours="Random weights. Microsoft withdrew the collection in 2019: its photos had been "
        "collected without consent. Whoever has such a file can load it, completely or not at all.",
        cost=NOT_MEASURED,
    ),
    Row(
        "U adds both maps, each times a learned weight of its own.",
        "S; 1×1 convolutions: R2",
        ("fusion.AttentionalSelectiveFusion.fuse",),
        ("test_fusion::test_u_is_the_weighted_sum_of_the_right_maps",),
        "U = W_l · X_LBP + W_c · X_RGB",
    ),
    Row(
        "Global attention keeps the channels and reduces height and width to 1.",
        "S; layers: R2",
        ("attention.GlobalAttention",),
        (
            "test_attention::test_both_are_their_formula",
            "test_attention::test_global_attention_ignores_where_things_are",
        ),
        "G(U) = BN(W2 · relu(BN(W1 · mean over H, W of U))) (N, C, H, W) -> (N, C, 1, 1)",
    ),
    Row(
        "Local attention keeps height and width and reduces the channels, in the end to one.",
        "S; one channel, layers: R2",
        ("attention.LocalAttention",),
        (
            "test_attention::test_both_are_their_formula",
            "test_attention::test_local_attention_moves_with_the_positions",
        ),
        "L(U) = BN(V2 · relu(BN(V1 · U))) (N, C, H, W) -> (N, 1, H, W)",
    ),
    Row(
        "Inside G and L the channels are squeezed to C/r, with r = 8.",
        "R2",
        ("config.VTFFConfig.attention_reduction",),
        (
            "test_attention::test_the_squeeze_is_by_8_unless_told_otherwise",
            "test_config::test_what_the_reference_says_stands_in_the_presets",
        ),
    ),
    Row(
        "GL(U) is the broadcast sum of G(U) and L(U).",
        "S",
        ("fusion.AttentionalSelectiveFusion.fuse", "fusion.sigmoid_of_sum"),
        (
            "test_fusion::test_each_reading_of_the_paper_is_its_formula",
            "test_attention::test_shapes_are_one_score_per_channel_and_one_per_position",
        ),
        "GL(U) = G(U) ⊕ L(U), broadcast: (C, 1, 1) + (1, H, W) -> (C, H, W)",
    ),
    Row(
        "The fused map is X_LBP times the gate plus X_RGB times one minus the gate; the 1 is a "
        "map of ones.",
        "S, but for the sigmoid",
        ("fusion.AttentionalSelectiveFusion.fuse",),
        (
            "test_fusion::test_each_reading_of_the_paper_is_its_formula",
            "test_fusion::test_two_equal_maps_stay_as_they_are_where_the_weights_sum_to_one",
        ),
        "X_fused = X_LBP ⊗ gate + X_RGB ⊗ (1 - gate), gate = sigmoid(GL(U))",
    ),
    Row(
        "Where does a sigmoid stand between GL(U) and the gate?",
        "S: silent; R1 against R1",
        ("config.VTFFConfig.gate", "fusion.GATES"),
        (
            "test_fusion::test_the_default_gate_keeps_the_fusion_between_the_two_maps",
            "test_fusion::test_the_documented_ranges_are_reached_and_not_left",
        ),
        ours="Around the sum: then the gate lies in (0, 1) and each fused value between the two "
        "it was made from. Both other readings are settings.",
        cost="full size: not measured yet. The tiny model on rendered faces, mean of "
        "{gate_readings[seeds]} seeds: {gate_readings[summary][sigmoid_of_sum, lbp][accuracy]:.1%} "
        "right with ours, {gate_readings[summary][sum_of_sigmoids, lbp][accuracy]:.1%} with a sum "
        "of sigmoids, {gate_readings[summary][double_sigmoid, lbp][accuracy]:.1%} with a double "
        "sigmoid; lesson 04 says how sure that is",
    ),
    Row(
        "Which map is multiplied by the gate, and which by the rest?",
        "S: LBP by the gate; R2: RGB",
        ("config.VTFFConfig.gated_branch",),
        (
            "test_fusion::test_the_default_gates_the_lbp_map_as_the_seed_says_and_squeezes_by_8",
            "test_fusion::test_each_reading_of_the_paper_is_its_formula",
        ),
        ours="LBP: where the review speaks, it rules. The other way is a setting.",
        cost="full size: not measured yet. The tiny model on rendered faces, mean of "
        "{gate_readings[seeds]} seeds: {gate_readings[summary][sigmoid_of_sum, lbp][accuracy]:.1%} "
        "right with ours, {gate_readings[summary][sigmoid_of_sum, rgb][accuracy]:.1%} with RGB "
        "gated; lesson 04 says how sure that is",
    ),
    Row(
        "The fused map is cut into H_d·W_d tokens, projected to C_p; [cls] goes in front, learned "
        "positions are added.",
        "S: cut, [cls]; R2: projection, positions",
        ("vtff.VTFF.forward", "encoder.resize_position_embedding"),
        (
            "test_vtff::test_maps_are_what_the_parts_computed",
            "test_encoder::test_with_positions_it_does",
            "test_encoder::test_positions_are_resized_as_an_image_is_bicubically",
        ),
        ours="For images of other sizes than those trained on, positions are stretched to the grid "
        "(bicubically, as is usual for ViT); the paper speaks of one size.",
        cost=NOT_MEASURED,
    ),
    Row(
        "The encoder is that of ViT: multi-head self-attention and an MLP in each block.",
        "S, by reference to ViT",
        ("encoder.MultiHeadSelfAttention", "encoder.EncoderBlock"),
        (
            "test_encoder::test_attention_is_nn_multihead_attention_with_its_weights",
            "test_encoder::test_each_head_is_scaled_dot_product_attention",
            "test_encoder::test_block_is_nn_transformer_encoder_layer",
        ),
        "attention(Q, K, V) = softmax(Q Kᵀ / √d) V, d = embed_dim / num_heads",
    ),
    Row(
        "C_p = 768, 8 heads, MLPs 3072 wide.",
        "768: R2; 8: R2, weakly; 3072: R1",
        ("config.VTFFConfig.paper",),
        ("test_config::test_what_the_reference_says_stands_in_the_presets",),
    ),
    Row(
        "Four blocks in the base model and eight in the larger: 51.8 M and 80.1 M parameters.",
        "blocks: R1; totals: second-hand",
        ("config.VTFFConfig.paper", "config.VTFFConfig.deep"),
        ("test_vtff::test_parameter_totals_are_those_the_paper_is_quoted_with",),
        ours="Four and eight. With MLPs of other widths other depths have the same totals, so "
        "these do not prove it.",
        cost=NOT_MEASURED,
    ),
    Row(
        "Does the layer norm stand before each part of a block, or behind it?",
        "?",
        ("config.VTFFConfig.norm",),
        (
            "test_encoder::test_block_is_nn_transformer_encoder_layer",
            "test_encoder::test_only_pre_norm_ends_in_a_norm_of_its_own",
        ),
        ours="Before, as in ViT, with one more at the end. Behind is a setting.",
        cost="full size: not measured yet. The tiny model on rendered faces, mean of seeds: "
        "{tiny_minute[summary][mean_accuracy]:.1%} right with ours ({tiny_minute[seeds]}), "
        "{encoder_choices[summary][post-LN][mean_accuracy]:.1%} with post-LN "
        "({encoder_choices[seeds]})",
    ),
    Row(
        "The encoder starts from weights trained on ImageNet-21k; that is better than from "
        "scratch.",
        "second-hand",
        ("vtff.VTFF",),
        (
            "test_vtff::test_everything_outside_the_trunks_starts_small",
            "test_encoder::test_names_in_the_state_dict_are_those_of_timms_blocks",
        ),
        ours="From scratch, as ViT starts: normal, spread 0.02, biases 0. No weights come along; "
        "whoever has a ViT's finds the names of timm's blocks here.",
        cost=NOT_MEASURED,
    ),
    Row(
        "A linear layer on [cls] gives the class scores; the loss is cross-entropy.",
        "R2",
        ("vtff.VTFF.forward", "training.targets.Loss"),
        (
            "test_vtff::test_maps_are_what_the_parts_computed",
            "test_training::test_a_step_is_the_one_that_torch_takes",
        ),
    ),
    Row(
        "One face of 224×224 costs about 5.1 G multiply-adds.",
        "ours",
        ("vtff.VTFF",),
        ("test_vtff::test_a_face_costs_about_five_billion_multiply_adds",),
    ),
    Row(
        "How is it trained: optimiser, learning rate, batch, epochs, augmentation?",
        "?",
        ("training.recipe.TrainingConfig",),
        (
            "test_training::test_a_step_is_the_one_that_torch_takes",
            "test_augmentation::test_the_codes_are_made_of_the_altered_image",
        ),
        ours="AdamW, warm-up and cosine, augmentation before the LBP view is made, annotators' "
        "votes where there are any. What is chosen is chosen on validation pictures, never on the "
        "test.",
        cost=NOT_MEASURED,
    ),
    Row(
        "Fusing features of both views by attention improves recognition.",
        "S; by how much: ?",
        ("fusion.make_fusion",),
        (
            "test_fusion::test_plain_fusions_are_their_formulas",
            "test_vtff::test_every_fusion_trains_all_its_parameters_and_has_no_idle_trunk",
        ),
        ours="Each view alone, and sum, maximum and concatenation, are settings: without them "
        "under the same recipe nobody can know what the fusion adds.",
        cost="full size: not measured yet. The tiny model on rendered faces, mean of eight seeds: "
        "{fusion_renders[summary][variants][full][accuracy]:.1%} right, "
        "{fusion_renders[summary][variants][mean][accuracy]:.1%} with the gate held at one half, "
        "{fusion_renders[summary][variants][concat][accuracy]:.1%} with concatenation, "
        "{fusion_renders[summary][variants][lbp_longer][accuracy]:.1%} with LBP alone for as long; "
        "lesson 09 says how sure that is",
    ),
    Row(
        "Accuracy on FER+: 88.81 %.",
        "A",
        ("evaluation.measure.evaluate", "datasets.sources.ferplus.catalogue_ferplus"),
        ("test_evaluation::test_figures_are_those_of_scikit_learn",),
        ours="No outside faces; three seeds, each measured on the test pictures once.",
        cost="full size: not measured yet. The tiny model at 64×64: "
        "{ferplus_small[summary][mean_accuracy]:.1%}",
    ),
    Row(
        "Accuracy on RAF-DB: 88.14 %, on AffectNet: 61.85 %; a test across data sets on CK+.",
        "A; the figure for CK+: ?",
        ("datasets.sources.adapters", "evaluation.measure.evaluate"),
        ("test_evaluation::test_figures_are_those_of_scikit_learn",),
        ours="The sets can be had on application only; whoever has one can read and pack it.",
        cost=NOT_MEASURED,
    ),
)
