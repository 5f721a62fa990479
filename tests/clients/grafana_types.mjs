// Holds dashboards to Grafana's own types: `run grafana_types.mjs FILE...` writes a line for each fault, and ends with 1.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const RAW = "@grafana/schema/dist/esm/raw/composable";
const TYPES = `
import type * as Grafana from "@grafana/schema";
import type { Options as Bars } from "${RAW}/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type { Options as Figure } from "${RAW}/stat/panelcfg/x/StatPanelCfg_types.gen";
import type { FieldConfig as Lines, Options as LinesOptions } from "${RAW}/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

// JSON has texts where Grafana's enumerations have members.
type Plain<T> = T extends string ? \`\${T}\`
  : T extends number | boolean | null | undefined ? T
  : T extends (infer U)[] ? Plain<U>[]
  : { [K in keyof T]: Plain<T[K]> };
// Grafana leaves open what is in a panel's options: that is in the types of each kind of panel.
type Panel<Kind, Options, Custom> = Plain<Omit<Grafana.Panel, "fieldConfig" | "options" | "type">> & {
  type: Kind;
  options: Plain<Partial<Options>>;
  fieldConfig: { overrides: []; defaults: Omit<Plain<Grafana.FieldConfig>, "custom"> & { custom: Plain<Custom> } };
};
type Any = Plain<Grafana.RowPanel>
  | Panel<"timeseries", LinesOptions, Lines>
  | Panel<"bargauge", Bars, Record<string, never>>
  | Panel<"stat", Figure, Record<string, never>>;
type Dashboard = Omit<Plain<Grafana.Dashboard>, "panels"> & { panels: Any[] };
`;

const options = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  noEmit: true,
  skipLibCheck: true,
  strict: true,
  target: ts.ScriptTarget.ES2022,
  types: [],
};
// One file of them all, which is nowhere but here.
const checked = fileURLToPath(new URL("dashboards.ts", import.meta.url));
const literals = process.argv.slice(2).map((file, number) => `export const d${number}: Dashboard = ${readFileSync(file, "utf8")};`);
const host = ts.createCompilerHost(options);
const { getSourceFile, fileExists } = host;
host.fileExists = (name) => name === checked || fileExists(name);
host.getSourceFile = (name, ...more) =>
  name === checked ? ts.createSourceFile(name, [TYPES, ...literals].join("\n"), options.target) : getSourceFile(name, ...more);

const program = ts.createProgram([checked], options, host);
const faults = ts.getPreEmitDiagnostics(program);
for (const fault of faults) {
  const { line } = fault.file.getLineAndCharacterOfPosition(fault.start);
  console.log(`${line + 1}: ${fault.file.text.split("\n")[line].trim()}: ${ts.flattenDiagnosticMessageText(fault.messageText, "\n")}`);
}
console.log(`${literals.length} dashboards, ${faults.length} faults`);
process.exit(faults.length > 0 || literals.length === 0 ? 1 : 0);
