// Texts as tokens: what preprocess.json says under "text".

import { Tokenizer } from "@huggingface/tokenizers";

/** A tokenizer, from the two files that an export has next to its model. */
export class Tokens {
  constructor(about, file, config) {
    this.about = about;
    this.tokenizer = new Tokenizer(file, config);
    this.special = (file.added_tokens ?? []).filter((token) => token.special);
  }

  /** Return the tokens of a text, an array of numbers for each tensor of the graph. */
  of(text) {
    this.refuseSpecial(text);
    const encoded = this.encoded(this.filled(text));
    const length = this.about.fixed_length ? this.about.max_length : encoded.ids.length;
    const padded = (values, value) => [...values, ...Array(length - values.length).fill(value)];
    const tensors = {
      input_ids: padded(encoded.ids, this.about.pad_id),
      attention_mask: padded(encoded.ids.map(() => 1), 0),
      token_type_ids: padded(encoded.types, 0),
    };
    return Object.fromEntries(this.about.tensors.map((name) => [name, tensors[name]]));
  }

  /** The text within the words around it. */
  filled(text) {
    const { columns, template } = this.about;
    return template ? template.replace(`{${columns[0]}}`, () => text) : text;
  }

  /** Tokens and their types; of a text that is too long, its end or its beginning is cut off. */
  encoded(text) {
    const all = this.tokenizer.encode(text, { return_token_type_ids: true });
    const types = all.token_type_ids;
    const excess = all.ids.length - this.about.max_length;
    if (excess <= 0) return { ids: all.ids, types };
    if (this.about.template) {
      throw new Error(
        `The text is too long: with the words around it, it has ${all.ids.length} tokens, and the ` +
          `student reads ${this.about.max_length}. Python would cut it; this page does not.`,
      );
    }
    const { begin, end } = this.body(text, all.ids);
    const [from, to] = this.about.cut_at === "start" ? [begin, begin + excess] : [end - excess, end];
    const left = (_, at) => at < from || at >= to;
    return { ids: all.ids.filter(left), types: types.filter(left) };
  }

  /** Where the text itself lies between the special tokens around it. */
  body(text, ids) {
    const inner = this.tokenizer.encode(text, { add_special_tokens: false }).ids;
    const fits = (begin) => inner.every((id, at) => ids[begin + at] === id);
    const begin = [...ids.keys()].find(fits);
    return { begin, end: begin + inner.length };
  }

  refuseSpecial(text) {
    if (this.about.special_tokens_in_texts !== "ordinary text") return;
    const met = this.special.find((token) => text.includes(token.content));
    if (met) {
      throw new Error(`The text has ${met.content} in it, which this page would take for a token.`);
    }
  }
}
