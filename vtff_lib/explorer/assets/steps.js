// The steps of the story: one verb each, at most 40 words, and an address of its own.
//
//   verb      what the reader does
//   fits      whether the page holds what the step needs
//   start     what is chosen when the step is entered
//   late      whether the bars come before what the step adds
//   build     elements that stay: { extra } beside the answer, { stage } in place of the face
//   show      what is to be seen now: heading, lead, the answer now and before, a note, a map on the
//             face, and what each square is; `next` leads on
//   choose    what a chosen square does

import { cover } from "./step_cover.js";
import { ask } from "./step_ask.js";
import { light } from "./step_light.js";
import { mix } from "./step_mix.js";
import { mute } from "./step_mute.js";
import { move } from "./step_move.js";
import { predict } from "./step_predict.js";

export const STEPS = { cover, ask, light, mix, mute, move, predict };
