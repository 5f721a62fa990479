// Holds objects of operators to the types and the schemas that are made from the operators' own sources:
// `run operators.mjs FILE`, a list of objects, writes a line for each fault, and ends with 1.
//
// Types miss no word that an operator does not know, which a schema would let pass; schemas miss no value that it does not take.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const PACKAGES = {
  "cert-manager.io/v1": "@kubernetes-models/cert-manager/cert-manager.io/v1",
  "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
};
const OPTIONS = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  noEmit: true,
  skipLibCheck: true,
  strict: true,
  target: ts.ScriptTarget.ES2022,
  types: [],
};

const objects = JSON.parse(readFileSync(process.argv[2], "utf8"));
const where = (object) => `${object.kind} ${object.metadata.name}`;

/** Values that a schema does not take. */
async function values(object) {
  const kind = PACKAGES[object.apiVersion] && (await import(PACKAGES[object.apiVersion]))[object.kind];
  if (!kind) return [`nobody knows a ${object.kind} of ${object.apiVersion}`];
  try {
    new kind(object).validate();
    return [];
  } catch (error) {
    return [error.message];
  }
}

/** Words that a type does not have: of one file of them all, a line for each, which is nowhere but here. */
function words(known) {
  const checked = fileURLToPath(new URL("operators.ts", import.meta.url));
  const literals = known.map((object, number) =>
    `export const o${number}: import("${PACKAGES[object.apiVersion]}").I${object.kind} = ${JSON.stringify(object)};`);
  const host = ts.createCompilerHost(OPTIONS);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === checked || fileExists(name);
  host.getSourceFile = (name, ...more) =>
    name === checked ? ts.createSourceFile(name, literals.join("\n"), OPTIONS.target) : getSourceFile(name, ...more);
  return ts.getPreEmitDiagnostics(ts.createProgram([checked], OPTIONS, host)).map((fault) => {
    const object = known[fault.file.getLineAndCharacterOfPosition(fault.start).line];
    return `${where(object)}: ${ts.flattenDiagnosticMessageText(fault.messageText, " ")}`;
  });
}

const faults = [];
for (const object of objects) {
  for (const fault of await values(object)) faults.push(`${where(object)}: ${fault}`);
}
faults.push(...words(objects.filter((object) => PACKAGES[object.apiVersion])));
for (const fault of faults) console.log(fault);
console.log(`${objects.length} objects, ${faults.length} faults`);
process.exit(faults.length > 0 || objects.length === 0 ? 1 : 0);
