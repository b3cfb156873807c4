import { describe, expect, it } from "vitest";
import { readResponse } from "../../../runtime/vendor/transports/read-response.ts";

const MEBIBYTE = 1024 * 1024;
const file = (size: number) => ({ status: 200, headers: { "content-type": "image/png" }, body: Buffer.alloc(size) });

describe("a file in a response", () => {
  it("is carried along up to one mebibyte", () => {
    const { body } = readResponse(file(MEBIBYTE), "", "binary", "/files/1");
    expect(body).toMatchObject({ size: MEBIBYTE, content: Buffer.alloc(MEBIBYTE).toString("base64") });
  });

  it("is described with its path when it is larger", () => {
    const { body } = readResponse(file(MEBIBYTE + 1), "", "binary", "/files/1");
    expect(body).toEqual({
      mediaType: "image/png",
      size: MEBIBYTE + 1,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      path: "/files/1",
    });
  });
});

describe("JSON in a response", () => {
  it("is read with a byte order mark before it", () => {
    const response = { status: 200, headers: {}, body: Buffer.from('\uFEFF{"id":"a"}') };
    expect(readResponse(response, "")).toMatchObject({ body: { id: "a" } });
    expect(readResponse(response, "")).not.toHaveProperty("malformed");
  });
});
