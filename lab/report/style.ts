/**
 * Style sheet of the report and of its plots. The colours are those of Okabe and Ito, which remain
 * distinct with a colour vision deficiency, darkened or lightened to the contrast that text needs.
 *
 * @see https://jfly.uni-koeln.de/color/
 */
export const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --text: #1b1f24; --soft: #57606a; --rule: #d8dee4; --panel: #f6f8fa;
  --direct: #0a6a4a; --naive: #b3470b; --timestamps: #7d4a9c; --exposer: #0061a8; --remote: #745800; --mark: #b3470b1f; --good: #0a6a4a; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171c; --text: #e6e9ee; --soft: #a2abb8; --rule: #343b45; --panel: #1c2128;
  --direct: #3fcf9b; --naive: #ff9d57; --timestamps: #cfa2ea; --exposer: #6cb6ff; --remote: #e3c04a; --mark: #ff9d572b; --good: #3fcf9b; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .3rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.4rem 0 .2rem; }
#verdicts h2 { margin-top: 1rem; }
a { color: inherit; text-underline-offset: .2em; }
.facts, small, .word { color: var(--soft); font-size: .85rem; }
.question { font-size: 1.05rem; font-style: italic; margin-top: 0; }
.verdicts { list-style: none; padding: 0; margin: 0; }
.verdicts li { display: flex; gap: .7rem; padding: .45rem 0; }
.sign { font-weight: 700; width: 1.1em; flex: none; }
.holds .sign { color: var(--good); } .fails .sign { color: var(--bad); } .unknown .sign { color: var(--soft); }
figure { margin: 1.2rem 0; padding: .9rem; background: var(--panel); border-radius: .5rem; }
figcaption { margin-bottom: .5rem; }
.plot { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 34rem; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); }
.grid { stroke: var(--rule); stroke-width: 1; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.leader { stroke: var(--soft); stroke-width: .7; fill: none; opacity: .6; }
.mark { fill: var(--mark); } svg .mark-label { fill: var(--text); font-weight: 600; }
svg .name { font-weight: 600; font-size: 12px; }
.line.direct { stroke: var(--direct); } .line.naive { stroke: var(--naive); } .line.naive-with-timestamps { stroke: var(--timestamps); } .line.kafka-exposer { stroke: var(--exposer); stroke-width: 2.6; } .line.remote-write { stroke: var(--remote); }
svg .name.direct { fill: var(--direct); } svg .name.naive { fill: var(--naive); } svg .name.naive-with-timestamps { fill: var(--timestamps); } svg .name.kafka-exposer { fill: var(--exposer); } svg .name.remote-write { fill: var(--remote); }
b.direct, th.direct { color: var(--direct); } b.naive, th.naive { color: var(--naive); } b.naive-with-timestamps, th.naive-with-timestamps { color: var(--timestamps); } b.kafka-exposer, th.kafka-exposer { color: var(--exposer); } b.remote-write, th.remote-write { color: var(--remote); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; width: 100%; }
th, td { text-align: right; padding: .35rem .6rem; border-bottom: 1px solid var(--rule); vertical-align: top; font-variant-numeric: tabular-nums; }
tbody th { text-align: left; font-weight: 400; } tbody .setting { font-weight: 600; padding-top: 1rem; } .unit { text-align: left; color: var(--soft); white-space: nowrap; }
`
