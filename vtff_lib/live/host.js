/* A model that runs in a worker, where it holds up nothing:

     const worker = startWorker(code, packed, wasm);      code: the text of engine.js
     const out = await worker.run(rgb, change, "light");

   Return { ready, run, stop }.

     ready                     a promise of its config
     run(rgb, change, slot)    a promise of what Model.run returns. Requests are answered in turn;
                               one that still waits when another of its slot comes is given up, and
                               its promise is of null: a slider asks with a slot.
     stop()                    ends the worker; what waits is refused

   The page's policy has to allow `worker-src blob:` and `script-src 'wasm-unsafe-eval'`. */
export function startWorker(code, packed, wasm) {
  const waiting = [];
  let worker = null, current = null, fault = null;

  function next() {
    if (current || !waiting.length) return;
    current = waiting.shift();
    worker.postMessage(current.message);
  }

  function ask(message, slot) {
    return new Promise((resolve, reject) => {
      if (fault) return reject(fault);
      const earlier = waiting.findIndex((each) => slot !== undefined && each.slot === slot);
      if (earlier >= 0) waiting.splice(earlier, 1)[0].resolve(null);
      waiting.push({ message, slot, resolve, reject });
      if (worker) next();
    });
  }

  function close(error) {
    fault ??= error;
    worker?.terminate();
    for (const each of [current, ...waiting.splice(0)]) each?.reject(fault);
    current = null;
  }

  const ready = ask({ packed, wasm });
  ready.catch(close);
  try {
    const source = `${code.replaceAll(/^export /gm, "")}\nserveModel();`;
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    worker = new Worker(address);
    worker.onmessage = ({ data }) => {
      const { resolve, reject } = current;
      current = null;
      if (data.refusal) reject(new Error(data.refusal));
      else resolve(data.answer);
      next();
    };
    worker.onerror = () => close(new Error("This page's worker cannot run, so the model cannot."));
    next();
  } catch (error) {
    close(new Error(`This browser allows no worker, so the model cannot run: ${error.message}`));
  }
  return {
    ready,
    run: (rgb, change, slot) => ask({ rgb, change }, slot),
    stop: () => close(new Error("The model was stopped.")),
  };
}
