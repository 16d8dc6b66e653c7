// An exported student: from a picture or a text to named probabilities.
// It does what preprocess.json says, as examples/onnx_alone/classify.py does it in Python.

import * as ort from "onnxruntime-web";
import { pixels } from "./pictures.js";
import { Tokens } from "./texts.js";

/** A student that `tutelage export RUN` wrote, of pictures with `--input picture`. */
export class Student {
  constructor(about, session, tokens) {
    this.about = about;
    this.session = session;
    this.tokens = tokens;
  }

  /** Load the files of an export from the address of their folder, which ends in a slash. */
  static async load(folder, file = "model.onnx") {
    const about = await json(folder, "preprocess.json");
    refuseOthers(about);
    const tokens = about.text
      ? new Tokens(
          about.text,
          await json(folder, "tokenizer.json"),
          await json(folder, "tokenizer_config.json"),
        )
      : null;
    const model = await content(folder, file);
    return new Student(about, await ort.InferenceSession.create(model), tokens);
  }

  /** Whether it reads texts, not pictures. */
  get readsTexts() {
    return this.tokens !== null;
  }

  /** Return `{prediction, scores}` of a file or a text; `scores` has a number for each name. */
  async classify(row) {
    const inputs = this.readsTexts ? this.textTensors(row) : await this.pictureTensor(row);
    const { logits } = await this.session.run(inputs);
    const values = probabilities([...logits.data], this.about.activation);
    const scores = Object.fromEntries(this.about.names.map((name, at) => [name, values[at]]));
    return { prediction: answer(scores, this.about.activation), scores };
  }

  textTensors(text) {
    const tensors = Object.entries(this.tokens.of(text)).map(([name, values]) => [
      name,
      new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]),
    ]);
    return Object.fromEntries(tensors);
  }

  async pictureTensor(file) {
    const { data, height, width } = await pixels(file, this.about.image.decode.background);
    return { image: new ort.Tensor("uint8", data, [height, width, 3]) };
  }
}

function refuseOthers(about) {
  const { image, text } = about;
  if (image && text) throw new Error("This student reads pictures with texts; the page shows one of both.");
  if (image && image.takes !== "picture") {
    throw new Error(`This student was exported for ${image.takes}; export it with --input picture.`);
  }
  if (text?.columns.length > 1) {
    throw new Error(`This student reads several texts (${text.columns.join(", ")}); the page gives one.`);
  }
}

async function content(folder, name) {
  const response = await fetch(folder + name, { cache: "no-cache" }); // asks whether it is newer
  if (!response.ok) {
    throw new Error(
      `There is no ${folder}${name} (${response.status}); 'tutelage export RUN --out FOLDER' ` +
        "writes it, for pictures with --input picture.",
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}

async function json(folder, name) {
  return JSON.parse(new TextDecoder().decode(await content(folder, name)));
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
