import { LONGEST_VALUE, VARIABLE_NAME } from "../../accounts/variables.ts";
import { listOf, object, ref, text, time } from "../../model/schema.ts";

const secret = { type: "boolean", description: "Write-only: used, never shown again. Default false." };
const value = {
  description: `Any JSON, up to ${LONGEST_VALUE} characters of it.`,
  examples: ["eu-1", { region: "eu" }],
};

export const newVariable = object("A value; it takes the place of the one before.", { value, secret }, ["secret"]);

export const variableName = `Name of the variable: ${VARIABLE_NAME}`;

export const variableSchemas = {
  Variable: object(
    "A named value that manifests and flows read.",
    {
      name: text("Name.", "region"),
      secret,
      value: { ...value, description: "Missing when it is secret." },
      createdAt: time("When it was first set."),
      updatedAt: time("When it was last set."),
    },
    ["value"],
  ),
  Variables: object("All variables of one owner.", { data: listOf(ref("Variable"), "By name.") }),
};
