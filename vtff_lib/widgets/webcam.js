// A camera in a notebook. The picture goes to the kernel as one message; it is neither part of the
// widget's state, which a notebook can store, nor sent anywhere else.

function render({ model, el }) {
    let stream = null;
    const video = document.createElement("video");
    const words = document.createElement("p");
    Object.assign(video, { muted: true, playsInline: true, hidden: true });
    Object.assign(video.style, { maxWidth: "320px", transform: "scaleX(-1)" }); // as in a mirror
    video.setAttribute("aria-label", "What the camera sees");
    words.setAttribute("role", "status");

    const button = (text, act) => {
        const made = document.createElement("button");
        Object.assign(made, { type: "button", textContent: text, onclick: act });
        made.className = "jupyter-button";
        made.style.width = "auto";
        return made;
    };
    const shutter = button("take a picture", take);
    const toggle = button("camera on", () => (stream ? stop() : start()));
    shutter.disabled = true;
    el.replaceChildren(toggle, shutter, words, video);

    async function start() {
        words.textContent = "";
        if (!navigator.mediaDevices) {
            words.textContent = "Browsers lend a camera to https pages and to localhost alone.";
            return;
        }
        toggle.disabled = true; // a second press would open a second stream that nobody stops
        try {
            stream = await navigator.mediaDevices.getUserMedia({ video: true });
        } catch (error) {
            words.textContent = `There is no camera to use (${error.name}). Choose a file instead.`;
            return;
        } finally {
            toggle.disabled = false;
        }
        if (!el.isConnected) return stop(); // the cell was cleared while the reader was asked
        video.srcObject = stream;
        await video.play();
        show(true);
    }

    function stop() {
        stream?.getTracks().forEach((track) => track.stop());
        stream = video.srcObject = null;
        show(false);
    }

    function show(on) {
        video.hidden = !on;
        shutter.disabled = !on;
        toggle.textContent = on ? "camera off" : "camera on";
    }

    async function take() {
        const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
        canvas.getContext("2d").drawImage(video, 0, 0);
        const file = await canvas.convertToBlob({ type: "image/png" });
        model.send({ kind: "photo" }, undefined, [await file.arrayBuffer()]);
    }

    return stop; // and the light beside the lens goes out
}

export default { render };
