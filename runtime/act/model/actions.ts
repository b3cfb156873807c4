import { checkedInput } from "../../model/input.ts";
import { anyObject, listOf, object, text } from "../../model/schema.ts";

/** The input of an action; the manifest says which properties it has. */
export const actionInput = checkedInput<Record<string, unknown>>(
  "input",
  anyObject("Input of the action, as described by the manifest.", { givenName: "Ada" }),
);

export const actionSchemas = {
  ActionResult: object(
    "Result of an action.",
    {
      output: { description: "As described by the manifest." },
      warnings: listOf(
        object("A difference.", { pointer: text("Where, as a JSON pointer."), message: text("The differences.") }),
        "Where the output differs from the manifest's description.",
      ),
    },
    ["warnings"],
  ),
  Option: object("One choice in a form.", {
    value: { description: "Value to send." },
    label: text("Text to show.", "Friends"),
  }),
};
