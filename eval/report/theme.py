"""Style sheet and script of the page. Without the script, tables stay in the order of the report."""

from __future__ import annotations

from eval.report.figures.vector import dark_rules

STYLE = (
    """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2329; --soft: #5b646d; --rule: #d5dadf; --quiet: #f4f6f8;
  --link: #0a5c93; --warn: #8a4b00; --warn-paper: #fff6e5; --right: #00734f; --wrong: #b34700; --best: #e4f1fa; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e6e9ec; --soft: #a3adb6;
  --rule: #39424a; --quiet: #1c2228; --link: #7cc0ee; --warn: #ffcf8a; --warn-paper: #33270f; --right: #2cc295;
  --wrong: #ff8a3d; --best: #16354b; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0.5rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 0.75rem; padding-top: 0.75rem; border-top: 1px solid var(--rule);
  overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 0.5rem; overflow-wrap: anywhere; }
h4 { font-size: 0.95rem; margin: 1.1rem 0 0.3rem; overflow-wrap: anywhere; }
p, .list { max-width: 52rem; margin: 0.6rem 0; overflow-wrap: anywhere; }
.list ul { margin: 0.3rem 0; padding-left: 1.2rem; }
.list li { margin: 0.2rem 0; }
.list li.warning { list-style: "\\26A0\\00A0\\00A0"; color: var(--warn); }
a { color: var(--link); }
nav ul { columns: 18rem auto; margin: 0; padding-left: 1.1rem; }
p.warning { border-left: 4px solid var(--warn); background: var(--warn-paper); color: var(--warn);
  padding: 0.6rem 0.9rem; max-width: none; }
.table { overflow-x: auto; margin: 0.9rem 0; }
.table:focus-visible, button:focus-visible { outline: 2px solid var(--link); }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.35rem; }
th, td { padding: 0.3rem 0.7rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap;
  vertical-align: top; }
thead th { border-bottom: 2px solid var(--soft); vertical-align: bottom; white-space: normal; }
.words { text-align: left; font-weight: 400; white-space: normal; overflow-wrap: anywhere; min-width: 6rem; }
thead .words { font-weight: 600; }
tbody tr:nth-child(even) { background: var(--quiet); }
tbody tr.best { background: var(--best); }
tr.best .words { font-weight: 600; }
td small, th small { color: var(--soft); font-size: 0.89em; font-weight: 400; }
.main th, .main td { white-space: normal; padding: 0.35rem 0.45rem; }
.main small { display: block; }
.main .words { min-width: 11rem; }
.mark { display: inline-block; font-size: 0.85em; font-weight: 600; border: 1px solid; border-radius: 3px;
  padding: 0 0.3rem; margin-left: 0.4rem; }
thead button { font: inherit; color: inherit; background: none; border: 0; padding: 0; text-align: inherit;
  cursor: pointer; }
thead button:hover { text-decoration: underline; }
th[aria-sort=ascending] button::after { content: " \\25B4"; }
th[aria-sort=descending] button::after { content: " \\25BE"; }
.all { display: none; }
.note, .tiles small { color: var(--soft); font-size: 0.9rem; }
figure { margin: 1.25rem 0; overflow-x: auto; }
svg.figure { display: block; max-width: 100%; height: auto; }
.panels { display: flex; flex-wrap: wrap; gap: 1.25rem 1rem; margin: 1.25rem 0; align-items: flex-start; }
.panels figure { margin: 0; min-width: 0; flex: 0 1 auto; }
.tiles { display: flex; flex-wrap: wrap; gap: 0.75rem; margin: 0; padding: 0; list-style: none; }
.tiles li { width: 8.5rem; font-size: 0.85rem; line-height: 1.3; overflow-wrap: anywhere; }
.tiles svg, .tiles .none { display: block; width: 100%; height: 8.5rem; border: 3px solid var(--rule);
  border-radius: 4px; margin-bottom: 0.25rem; background: var(--quiet); }
.tiles .none { color: var(--soft); padding-top: 3.4rem; text-align: center; }
.tiles .right > :first-child { border-color: var(--right); }
.tiles .wrong > :first-child { border-color: var(--wrong); border-style: dashed; }
.tiles small { display: block; font-size: 0.8rem; }
@media screen and (max-width: 44rem) { body { padding: 1rem 0.9rem 3rem; } .more { display: none; }
  .main .words { min-width: 0; }
  .all { display: block; font-size: 0.9rem; margin-bottom: 0.3rem; }
  .table:has(.all input:checked) .more { display: table-cell; }
  figure > svg.figure { min-width: 36rem; } .panels svg.figure { min-width: 0; }
  .tiles li { width: 5.6rem; } .tiles svg, .tiles .none { height: 5.6rem; } .tiles .none { padding-top: 1.6rem; } }
@media print { :root { color-scheme: light; } body { max-width: none; padding: 0; font-size: 10pt; }
  nav, .all { display: none; } figure, tr, .warning, .tiles { break-inside: avoid; }
  h2, h3, h4, caption { break-after: avoid; }
  .table { overflow: visible; } th, td { white-space: normal; padding: 0.15rem 0.4rem; }
  .main { font-size: 7pt; } .main th, .main td { padding: 0.15rem 0.2rem; } .main .words { min-width: 4.5rem; }
  svg.figure { max-height: 24cm; } .panels figure { width: 47%; } }
""".strip()
    + "\n@media screen and (prefers-color-scheme: dark) {\n"
    + dark_rules("svg.figure")
    + "\n}"
)

SORTING = """
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
  if (body.rows.length < 3) continue;
  const rank = (row, at) => {
    const text = (row.cells[at].firstChild?.textContent ?? "").trim(), number = parseFloat(text.replace(/[,< ]+/g, ""));
    return { text, number: Number.isNaN(number) ? null : number };
  };
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort"), words = head.classList.contains("words");
      const rising = before ? before === "descending" : words || head.textContent.includes("\\u2193");
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const sign = rising ? 1 : -1, rows = [...body.rows].map((row) => [rank(row, at), row]);
      rows.sort(([a], [b]) => {
        if (words) return sign * a.text.localeCompare(b.text, undefined, { numeric: true });
        if (a.number === null || b.number === null) return (a.number === null) - (b.number === null);
        return sign * (a.number - b.number);
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
}
""".strip()
"""Sorts a table by the column whose head is clicked; cells without a number stay last."""
