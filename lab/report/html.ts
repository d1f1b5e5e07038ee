import type { ExperimentResult, Results } from '../types.js'
import { formatFigure, formatSeconds, verdictOf } from './format.js'
import { html, renderPlot, slug } from './plot.js'
import { groupsOf, variantsOf } from './rows.js'
import { STYLE } from './style.js'

/**
 * The report as one self-contained page: the verdicts of all experiments, then the plots and
 * figures of each experiment.
 */
export function renderHtml(results: Results): string {
  const { experiments, startedAt, seconds, edition, seed, versions, machine } = results
  const startTime = startedAt.slice(0, 16).replace('T', ' ')
  const facts = [
    `${edition} edition`,
    formatSeconds(seconds),
    `seed ${seed}`,
    ...Object.entries(versions).map(([name, version]) => `${name} ${version}`),
    ...Object.entries(machine).map(([name, value]) =>
      name.endsWith('Bytes')
        ? `${name.slice(0, -'Bytes'.length)} ${(Number(value) / 2 ** 30).toFixed(0)} GiB`
        : `${name} ${value}`,
    ),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Kafka in front of Prometheus: measured costs</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>Kafka in front of Prometheus: measured costs</h1>
<p>Applications publish their metrics to Kafka, and Prometheus scrapes an exposer that consumes them. Each experiment runs a real Kafka and a real Prometheus and compares four variants on the same applications at the same time (one after the other in the scale and load experiments): <b class="direct">direct</b>, Prometheus scrapes the application; <b class="naive">naive</b>, an exposer of the usual design; <b class="naive-with-timestamps">naive with timestamps</b>, the same exposer with explicit timestamps; and <b class="kafka-exposer">kafka-exposer</b> as shipped.</p>
<p class="facts">${html(`${startTime} UTC`)} · ${facts.map(html).join(' · ')}</p>
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
    return `<li class="${kind}"><span class="sign" aria-hidden="true">${sign}</span><div><b>${html(claim)}</b> <span class="word">(${word})</span><br>${html(because)}</div></li>`
  })
  if (failed !== undefined) {
    items.push(
      `<li class="fails"><span class="sign" aria-hidden="true">✗</span><div>The experiment failed: ${html(failed.split('\n')[0])}</div></li>`,
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
  const unmeasured = notMeasured.map(text => `<li>${html(text)}</li>`).join('')
  return `<section id="${slug(name)}">
<h2>${html(title)}</h2>
<p class="question">${html(question)}</p>
${figures.join('\n')}
${table(experiment)}
${unmeasured && `<p>Not measured:</p><ul>${unmeasured}</ul>`}
<p class="facts">${Object.entries(parameters)
    .map(([key, value]) => html(`${key}: ${Array.isArray(value) ? value.join(', ') : value}`))
    .join(' · ')} · duration: ${formatSeconds(seconds)}</p>
</section>`
}

function table({ figures }: ExperimentResult): string {
  if (figures.length === 0) return ''
  const variants = variantsOf(figures)
  const head = variants
    .map(variant => `<th class="${slug(variant)}" scope="col">${html(variant)}</th>`)
    .join('')
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
<p class="facts">Median, with the range (minimum–maximum) of repeated values.</p>`
}
