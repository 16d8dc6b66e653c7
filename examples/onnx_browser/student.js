// An exported student: from the bytes of a picture to named probabilities.
// It does what preprocess.json says, as examples/onnx_alone/classify.py does it in Python.

import * as ort from "onnxruntime-web";

/** A student that `tutelage export RUN --input picture` wrote. */
export class Student {
  constructor(about, session) {
    this.about = about;
    this.session = session;
  }

  /** Load the files of an export from the address of their folder, which ends in a slash. */
  static async load(folder) {
    const about = JSON.parse(new TextDecoder().decode(await content(folder, "preprocess.json")));
    if (about.image?.takes !== "picture" || about.text) {
      const takes = [about.image?.takes, about.text && "texts"].filter(Boolean).join(" and ");
      throw new Error(
        `This student was exported for ${takes}; the page needs a student of one picture, ` +
          "exported with --input picture.",
      );
    }
    const session = await ort.InferenceSession.create(await content(folder, "model.onnx"));
    return new Student(about, session);
  }

  /** Return `{prediction, scores}`, where `scores` has a number for each name. */
  async classify(file) {
    const { data, height, width } = await pixels(file, this.about.image.decode.background);
    const image = new ort.Tensor("uint8", data, [height, width, 3]);
    const { logits } = await this.session.run({ image });
    const values = probabilities([...logits.data], this.about.activation);
    const scores = Object.fromEntries(this.about.names.map((name, at) => [name, values[at]]));
    return { prediction: answer(scores, this.about.activation), scores };
  }
}

async function content(folder, name) {
  const response = await fetch(folder + name, { cache: "no-cache" }); // asks whether it is newer
  if (!response.ok) {
    throw new Error(
      `There is no ${folder}${name} (${response.status}); write it here with ` +
        `'tutelage export RUN --input picture --out ${folder.replace(/\/$/, "")}'.`,
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

/** Decode a file to upright RGB, to the very values that Pillow gives: without color management. */
export async function pixels(file, background) {
  const bitmap = await createImageBitmap(file, {
    colorSpaceConversion: "none",
    imageOrientation: "from-image",
    premultiplyAlpha: "none",
  }).catch(() => {
    throw new Error("This browser cannot decode it as a picture.");
  });
  const { height, width } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (background !== "none") {
    context.fillStyle = background;
    context.fillRect(0, 0, width, height);
  }
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const data = new Uint8Array(3 * height * width);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    if (rgba[from + 3] !== 255) {
      throw new Error(
        background === "none"
          ? "It has transparent pixels, and a browser does not tell the color hidden below them."
          : `It is too large for this browser's canvas (${width} × ${height} pixels).`,
      );
    }
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return { data, height, width };
}

/** Softmax, sigmoid, or the numbers as they are. */
function probabilities(logits, activation) {
  if (activation === "none") return logits;
  if (activation === "sigmoid") return logits.map((value) => 1 / (1 + Math.exp(-value)));
  const largest = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((left, right) => left + right);
  return powers.map((power) => power / sum);
}

/** The most probable class, the labels that are more probable than not, or all targets. */
function answer(scores, activation) {
  if (activation === "none") return scores;
  const ranked = Object.entries(scores).sort(([, left], [, right]) => right - left);
  if (activation === "softmax") return ranked[0][0];
  return Object.keys(scores).filter((name) => scores[name] >= 0.5);
}
