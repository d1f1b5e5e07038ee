import type { ExperimentResult, Results } from '../types.js'
import { formatFigure, formatSeconds, verdictOf } from './format.js'
import { html, renderPlot, slug } from './plot.js'
import { groupsOf, variantsOf } from './rows.js'
import { STYLE } from './style.js'

/** The report as one page that needs nothing else: verdicts first, then for each experiment what was seen, what follows, and every figure. */
export function renderHtml(results: Results): string {
  const { experiments, startedAt, seconds, edition, seed, versions, machine } = results
  const day = startedAt.slice(0, 16).replace('T', ' ')
  const facts = [
    `${edition} edition`,
    formatSeconds(seconds),
    `seed ${seed}`,
    ...Object.entries(versions).map(([name, version]) => `${name} ${version}`),
    ...Object.entries(machine).map(
      ([name, value]) =>
        `${name} ${name.endsWith('Bytes') ? `${(Number(value) / 2 ** 30).toFixed(0)} GiB` : value}`,
    ),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A queue in front of Prometheus: what it costs</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>A queue in front of Prometheus: what it costs</h1>
<p>Applications publish their metrics to Kafka, and an exposer gives them to Prometheus. Measured with a real Kafka and a real Prometheus, on the same applications at the same time (in turns, where it is about size and load): <b class="direct">direct</b>, Prometheus scrapes the application; <b class="naive">naive</b>, what people usually build; <b class="naive-with-timestamps">naive with timestamps</b>; and <b class="ours">ours</b>, kafka-exposer as shipped.</p>
<p class="facts">${html(`${day} UTC`)} · ${facts.map(html).join(' · ')}</p>
</header>
<section id="verdicts">
<h2>Verdicts</h2>
${experiments.map(summary).join('\n')}
</section>
${experiments.map(section).join('\n')}
</main>
</body>
</html>
`
}

function summary({ name, title, verdicts, failed }: ExperimentResult): string {
  const items = verdicts.map(({ claim, holds, because }) => {
    const { sign, word, kind } = verdictOf(holds)
    return `<li class="${kind}"><span class="sign" aria-hidden="true">${sign}</span><div><b>${html(claim)}</b> <span class="told">(${word})</span><br>${html(because)}</div></li>`
  })
  if (failed !== undefined) {
    items.push(
      `<li class="fails"><span class="sign" aria-hidden="true">✗</span><div>It ended without a result: ${html(failed.split('\n')[0])}</div></li>`,
    )
  }
  return `<h3><a href="#${slug(name)}">${html(title)}</a></h3>\n<ul class="verdicts">${items.join('')}</ul>`
}

function section(experiment: ExperimentResult): string {
  const { name, title, question, plots, notMeasured, parameters, seconds } = experiment
  const figures = plots.map(plot => {
    const svg = renderPlot(plot)
    return (
      svg &&
      `<figure><figcaption><b>${html(plot.title)}</b><br>${html(plot.caption)}</figcaption><div class="plot">${svg}</div></figure>`
    )
  })
  const missing = notMeasured.map(what => `<li>${html(what)}</li>`).join('')
  return `<section id="${slug(name)}">
<h2>${html(title)}</h2>
<p class="question">${html(question)}</p>
${figures.join('\n')}
${table(experiment)}
${missing && `<p>Not measured here:</p><ul>${missing}</ul>`}
<p class="facts">${Object.entries(parameters)
    .map(([key, value]) => html(`${key}: ${Array.isArray(value) ? value.join(', ') : value}`))
    .join(' · ')} · took ${formatSeconds(seconds)}</p>
</section>`
}

function table({ figures }: ExperimentResult): string {
  if (figures.length === 0) return ''
  const variants = variantsOf(figures)
  const head = variants.map(one => `<th class="${slug(one)}" scope="col">${html(one)}</th>`).join('')
  const bodies = groupsOf(figures).map(({ setting, rows }) => {
    const title =
      setting &&
      `<tr><th class="setting" colspan="${variants.length + 2}" scope="rowgroup">${html(setting)}</th></tr>`
    const lines = rows.map(({ name, unit, byVariant }) => {
      const cells = variants.map(variant => {
        const figure = byVariant.get(variant)
        const note = figure?.note === undefined ? '' : `<br><small>${html(figure.note)}</small>`
        return `<td>${figure ? formatFigure(figure) : ''}${note}</td>`
      })
      return `<tr><th scope="row">${html(name)}</th>${cells.join('')}<td class="unit">${html(unit)}</td></tr>`
    })
    return `<tbody>${title}${lines.join('')}</tbody>`
  })
  return `<div class="scroll" tabindex="0" role="region" aria-label="Figures"><table><thead><tr><td></td>${head}<td></td></tr></thead>${bodies.join('')}</table></div>
<p class="facts">Median, and range where there are several.</p>`
}
