// Pictures as pixels: what preprocess.json says under "image".

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
