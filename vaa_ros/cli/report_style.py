# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page that a report is put into: its layout, with no address outside of itself."""

from __future__ import annotations

from string import Template

PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { --ink: #22303f; --grey: #667482; --line: #e3e8ed; --paper: #ffffff; --back: #f4f6f8;
  --good: #2e9d64; --bad: #d2493c; --accent: #2f6fde; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 15px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 36px 28px 64px; }
header { border-left: 5px solid var(--accent); padding-left: 18px; margin-bottom: 26px; }
h1 { font-size: 29px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.01em; }
header p { color: var(--grey); margin: 0; max-width: 78ch; }
h2 { font-size: 18px; margin: 38px 0 12px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 14px; }
.card, figure, .wide, dl, video { background: var(--paper); border: 1px solid var(--line);
  border-radius: 10px; }
.card { padding: 15px 18px; display: flex; flex-direction: column; }
.card span { color: var(--grey); font-size: 13px; }
.card b { font-size: 29px; line-height: 1.3; letter-spacing: -.02em;
  font-variant-numeric: tabular-nums; }
.card small { color: var(--grey); font-size: 12.5px; }
.grid { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; }
figure { margin: 0; padding: 14px 16px; min-width: 0; }
figure.whole { grid-column: 1 / -1; }
figure.narrow svg { max-width: 640px; }
figcaption { font-weight: 600; margin-bottom: 6px; }
figure svg { width: 100%; height: auto; display: block; }
video { display: block; width: 100%; max-width: 800px; margin: 26px auto 0;
  background: #14181e; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 8px 11px; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; }
th { font-size: 12.5px; font-weight: 600; color: var(--grey); }
td.n { font-variant-numeric: tabular-nums; }
td.strip { padding: 5px 12px; display: flex; gap: 4px; }
td.strip img { display: block; border-radius: 4px; width: 84px; }
em { font-style: normal; font-weight: 600; font-size: 13px; border-radius: 20px;
  padding: 2px 10px; }
em.success { color: var(--good); background: #e5f5ec; }
em.failure { color: var(--bad); background: #fbe9e7; }
.seeds { display: flex; flex-wrap: wrap; gap: 2px; padding: 4px 0 10px; }
.seeds i { width: 11px; height: 18px; border-radius: 2px; background: var(--good); }
.seeds i.failure { background: var(--bad); }
.note { color: var(--grey); max-width: 90ch; margin: 0 0 12px; }
.note.over { margin: 16px 0 0; }
.wide + .wide, .wide + figure, figure + .wide, .note + figure { margin-top: 14px; }
td.says { white-space: normal; color: var(--grey); min-width: 34ch; }
.figures td.n, .figures th.n { text-align: right; }
td.big { font-weight: 600; }
.moment { background: var(--paper); border: 1px solid var(--line); border-radius: 10px;
  padding: 14px 16px; margin-bottom: 14px; }
.views { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; margin-bottom: 10px; }
.views div { min-width: 0; }
.views img { display: block; width: 100%; border-radius: 4px; image-rendering: auto; }
.views small { color: var(--grey); font-size: 12.5px; display: block; margin-top: 4px; }
.moment svg { width: 100%; height: auto; display: block; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 22px; margin: 0;
  padding: 15px 18px; }
dt { color: var(--grey); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 760px) { .grid, .views { grid-template-columns: 1fr; }
  main { padding: 22px 14px; } }
@media print { body { background: #fff; } video { display: none; } }
</style>
</head>
<body>
<main>
<header><h1>$title</h1><p>$subtitle</p></header>
<div class="cards">$cards</div>
$video
$figures
$training
$episodes
$facts
</main>
</body>
</html>
""")
