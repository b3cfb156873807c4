import { describe, expect, it } from "vitest";
import { classify, VendorError } from "../../runtime/vendor/errors.ts";

const page = { status: 200, headers: {}, body: "<html>Please sign in</html>", malformed: true };

describe("an answer that is not JSON", () => {
  it("is an error whatever its status, and says what came", () => {
    const classified = classify([], page, "stream", 0)!;
    expect(classified.class).toBe("serverError");
    expect(new VendorError("acme /tickets", page, classified).message).toBe(
      "acme /tickets: the vendor answered 200 with a body that is not JSON; try again later",
    );
  });

  it("is told in the vendor's words where it has any", () => {
    const failure = { status: 500, headers: {}, body: { message: "Out of order" } };
    const classified = classify([], failure, "stream", 0)!;
    expect(new VendorError("acme /tickets", failure, classified).message).toBe(
      "acme /tickets: the vendor answered 500: Out of order; try again later",
    );
  });
});
