import { isObject, joinPointer } from "../../core/json.ts";
import { schemasOf, unknownName, type Rule } from "./context.ts";

const names = (section: object | undefined) => Object.keys(section ?? {});

/** A trigger names a stream that exists. */
export const triggersNameStreams: Rule = ({ manifest, triggers }) =>
  triggers.flatMap(({ value, pointer }) =>
    unknownName(`${pointer}/stream`, "stream", value.stream, names(manifest.streams)),
  );

/** A trigger on a watched value names a watch of its stream. */
export const triggersNameWatches: Rule = ({ streams, triggers }) =>
  triggers.flatMap(({ value, pointer }) => {
    const stream = streams.find(({ name }) => name === value.stream);
    if (!stream || typeof value.on === "string") return [];
    return Object.entries(value.on).flatMap(([change, watch]) =>
      unknownName(`${pointer}/on/${change}`, `watch in stream "${stream.name}"`, watch, names(stream.value.watch)),
    );
  });

/** The call for many of an action is another action. */
export const batchesNameActions: Rule = ({ manifest, actions }) =>
  actions.flatMap(({ name, value, pointer }) =>
    value.batch === undefined
      ? []
      : unknownName(
          `${pointer}/batch/action`,
          "other action",
          value.batch.action,
          names(manifest.actions).filter((other) => other !== name),
        ),
  );

/** A resource names a stream with a resource of its type, and actions that exist. */
export const resourcesNameTheirParts: Rule = ({ manifest, streams, resources }) =>
  resources.flatMap(({ name, value, pointer }) => {
    const type = streams.find((stream) => stream.name === value.stream)?.value.resource?.type;
    const missing = streams.some((stream) => stream.name === value.stream) && type !== name;
    return [
      ...unknownName(`${pointer}/stream`, "stream", value.stream, names(manifest.streams)),
      ...(missing
        ? [
            {
              pointer: `${pointer}/stream`,
              message: `stream "${value.stream}" gives ${type ? `"${type}"` : "no resource"}; its resource.type must be "${name}"`,
            },
          ]
        : []),
      ...(["create", "update", "delete", "find"] as const).flatMap((kind) =>
        value[kind] === undefined
          ? []
          : unknownName(`${pointer}/${kind}`, "action", value[kind], names(manifest.actions)),
      ),
    ];
  });

/** The input property that takes the vendor's id is one of the actions that need it. */
export const resourcesNameTheirId: Rule = ({ actions, resources }) =>
  resources.flatMap(({ value, pointer }) =>
    (["update", "delete"] as const).flatMap((kind) => {
      const action = actions.find(({ name }) => name === value[kind]);
      if (!action) return [];
      if (value.id === undefined)
        return [
          {
            pointer,
            message: `"id" is required beside "${kind}": which input property of "${action.name}" takes the vendor's id?`,
          },
        ];
      return unknownName(
        `${pointer}/id`,
        `input property of "${action.name}"`,
        value.id,
        propertiesOf(action.value.input),
      );
    }),
  );

/** Dynamic values name an action or stream that exists, and input properties they depend on. */
export const dynamicValuesNameActions: Rule = (context) =>
  schemasOf(context).flatMap(({ schema, pointer }) =>
    dynamicValuesOf(schema, pointer).flatMap(({ dynamic, at }) => {
      const source = isObject(dynamic) ? (["action", "stream"] as const).filter((kind) => kind in dynamic) : [];
      if (!isObject(dynamic) || source.length !== 1 || typeof dynamic["value"] !== "string") {
        return [
          {
            pointer: at,
            message:
              'needs "action" or "stream", and "value", for example {"action": "list_groups", "value": "/id", "label": "/name"}',
          },
        ];
      }
      const known = names(source[0] === "action" ? context.manifest.actions : context.manifest.streams);
      return [
        ...unknownName(`${at}/${source[0]}`, source[0]!, String(dynamic[source[0]!]), known),
        ...[dynamic["dependsOn"] ?? []]
          .flat()
          .flatMap((other, i) =>
            unknownName(
              `${at}/dependsOn/${i}`,
              "input property",
              String(other).replace(/^\//, ""),
              propertiesOf(schema),
            ),
          ),
      ];
    }),
  );

/** On a property, on the items of one, or deeper in either. */
function dynamicValuesOf(schema: unknown, pointer: string): { dynamic: unknown; at: string }[] {
  if (!isObject(schema)) return [];
  return [
    ...("dynamicValues" in schema ? [{ dynamic: schema["dynamicValues"], at: `${pointer}/dynamicValues` }] : []),
    ...dynamicValuesOf(schema["items"], `${pointer}/items`),
    ...["properties", "$defs"].flatMap((key) =>
      Object.entries(isObject(schema[key]) ? schema[key] : {}).flatMap(([name, inner]) =>
        dynamicValuesOf(inner, joinPointer(`${pointer}/${key}`, name)),
      ),
    ),
  ];
}

function propertiesOf(schema: Record<string, unknown> | undefined): string[] {
  return isObject(schema?.["properties"]) ? Object.keys(schema["properties"]) : [];
}
