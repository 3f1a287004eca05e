"""The style of the page: a laptop screen 1366 px wide, and A4 when printed."""

STYLE = """
:root { --ink: #1c1c1c; --soft: #5a5a5a; --line: #d9d9d9; --bad: #b00020; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 32px 64px; max-width: 1330px; color: var(--ink); background: #fff;
  font: 15px/1.45 "DejaVu Sans", Verdana, "Segoe UI", Arial, sans-serif; }
h1 { font-size: 22px; margin: 0 0 2px; }
h2 { font-size: 17px; margin: 40px 0 6px; padding-top: 8px; border-top: 1px solid var(--line); }
p { margin: 4px 0 8px; max-width: 100ch; }
.soft { color: var(--soft); font-size: 13px; }
.verdict { margin: 16px 0; padding: 14px 18px; border-left: 6px solid #0072B2; background: #f3f7fb; }
.verdict.incomplete { border-color: var(--bad); background: #fdf3f4; }
.verdict .headline { font-size: 17px; font-weight: bold; max-width: none; }
.verdict li { margin: 3px 0; }
.verdict ul { margin: 6px 0 0; padding-left: 20px; }
.state { font-weight: bold; }
.incomplete .state { color: var(--bad); }
nav { font-size: 13px; margin: 6px 0; }
nav a { margin-right: 14px; color: #0072B2; }
figure { margin: 8px 0; break-inside: avoid; }
figure svg { width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: 13px; max-width: 110ch; }
table { border-collapse: collapse; font-size: 12.5px; width: 100%; font-variant-numeric: tabular-nums; }
table.narrow { width: auto; min-width: 40%; }
th, td { text-align: right; padding: 3px 7px; vertical-align: top; border-bottom: 1px solid #ececec; }
th:first-child, td:first-child, table.narrow td { text-align: left; }
thead th { border-bottom: 2px solid var(--ink); vertical-align: bottom; font-size: 12px; }
tr.group th { text-align: left; background: #eef1f4; font-size: 13px; padding-top: 6px; }
td i { display: block; font-style: normal; color: var(--soft); font-size: 10.5px; white-space: nowrap; }
tr.frozen td { background: #e9e9e9; }
tr.oracle td:first-child { font-weight: bold; }
tr.loser td:first-child { box-shadow: inset 4px 0 0 var(--bad); }
.mark { color: var(--bad); font-size: 11px; white-space: nowrap; }
.tag { color: var(--soft); font-size: 10.5px; }
.sure { font-weight: bold; }
.minus { color: var(--bad); }
.scroll { overflow-x: auto; }
pre { background: #f5f5f5; padding: 10px 12px; overflow-x: auto; font-size: 13px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
td.value { overflow-wrap: anywhere; }
table.narrow td:first-child { white-space: nowrap; }
h3 { font-size: 14px; margin: 14px 0 4px; }
ul { margin: 4px 0; }
dl { columns: 2; column-gap: 40px; font-size: 13px; }
dl div { break-inside: avoid; margin-bottom: 8px; }
dt { font-weight: bold; }
dd { margin: 0; }
details summary { cursor: pointer; color: #0072B2; margin: 8px 0; font-size: 14px; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 40px; align-items: start; }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  body { padding: 0; max-width: none; font-size: 9.5pt; }
  nav, details { display: none; }
  h1 { font-size: 15pt; } h2 { font-size: 12pt; margin-top: 12pt; break-after: avoid; }
  .verdict .headline { font-size: 12pt; }
  .verdict, tr.frozen td, tr.group th { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  table { font-size: 7.5pt; } thead th { font-size: 7.5pt; } td i { font-size: 6.5pt; }
  th, td { padding: 1.5pt 4pt; }
  thead { display: table-header-group; } tr { break-inside: avoid; } tr.group { break-after: avoid; }
  section.figure { break-before: page; } section.table { break-before: page; }
  figure svg { max-height: 148mm; }
  h3 { break-after: avoid; } section { break-inside: auto; }
  figcaption, .soft, dl { font-size: 8.5pt; }
  .scroll { overflow: visible; }
}
"""
