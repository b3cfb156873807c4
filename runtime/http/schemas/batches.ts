import { anyObject, count, listOf, nullable, object, oneOf, ref, text, time } from "../../model/schema.ts";

/** Most inputs of one batch. */
const MOST_INPUTS = 10_000;

export const newBatch = object("What to run the action with.", {
  inputs: {
    type: "array",
    items: anyObject("An input of the action, as the manifest describes it."),
    minItems: 1,
    maxItems: MOST_INPUTS,
    description: `The inputs, ${MOST_INPUTS} at most.`,
    examples: [[{ givenName: "Ada" }, { givenName: "Grace" }]],
  },
});

const batch = {
  id: text("Id.", "bat_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
  connection: text("Id of the connection."),
  action: text("Key of the action.", "create_contact"),
  status: oneOf(["running", "done", "cancelled"], "done: every item has succeeded or failed."),
  total: count("How many items it has."),
  counts: object("How many items are in each state.", {
    waiting: count("Not begun."),
    running: count("Before the vendor."),
    succeeded: count("Done."),
    failed: count("Not done, or in doubt; `error` says which."),
    cancelled: count("Given up."),
  }),
  createdAt: time("When it was made."),
  finishedAt: nullable(time("When it ended.")),
};

export const batchSchemas = {
  Batch: object("An action over many inputs, and how far it is.", batch),
  BatchDetails: object("A batch with a page of its results.", {
    ...batch,
    results: listOf(ref("BatchResult"), "In the order of the inputs."),
    nextCursor: nullable(text("`cursor` of the next page of results; null after the last.")),
  }),
  BatchResult: object(
    "What became of one input.",
    {
      position: count("In the list of inputs, from 0."),
      status: oneOf(["waiting", "running", "succeeded", "failed", "cancelled"], "Its state."),
      output: { description: "What the action gave." },
      warnings: listOf(anyObject("A difference."), "Where the output differs from the manifest's description."),
      error: anyObject("`code`, `message`, `errors` with pointers into the input, `vendor`: as in a problem."),
    },
    ["output", "warnings", "error"],
  ),
};
