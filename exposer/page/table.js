import { columns } from './columns.js'

const OVERSCAN = 12

/**
 * A table of which only the rows in sight exist: ten thousand targets cost what thirty do.
 */
export class Table {
  #rows = []
  #first = 0
  #rowHeight = Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row'))
  #scroller = document.getElementById('scroller')
  #head = document.getElementById('head')
  #body = document.getElementById('rows')
  #empty = document.getElementById('empty')

  /** @param onSort called with a column's id when its title is clicked */
  constructor(onSort) {
    this.#head.append(...columns.map(column => headCell(column, onSort)))
    this.#scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true })
    new ResizeObserver(() => this.#draw()).observe(this.#scroller)
  }

  /** @param emptyText said when there are no rows */
  show(rows, sort, emptyText) {
    this.#rows = rows
    this.#head.closest('table').setAttribute('aria-rowcount', rows.length + 1)
    this.#empty.hidden = rows.length > 0
    this.#empty.textContent = emptyText
    for (const [i, column] of columns.entries()) {
      const direction = sort.descending ? 'descending' : 'ascending'
      this.#head.children[i].setAttribute('aria-sort', column.id === sort.column ? direction : 'none')
    }
    this.#draw()
  }

  #firstInSight() {
    const last = Math.max(0, this.#rows.length - 1)
    return Math.min(last, Math.floor(this.#scroller.scrollTop / this.#rowHeight))
  }

  #scrolled() {
    if (Math.abs(this.#firstInSight() - OVERSCAN - this.#first) >= OVERSCAN / 2) this.#draw()
  }

  #draw() {
    const inSight = Math.ceil(this.#scroller.clientHeight / this.#rowHeight)
    this.#first = Math.max(0, this.#firstInSight() - OVERSCAN)
    const shown = this.#rows.slice(this.#first, this.#first + inSight + 2 * OVERSCAN)
    const below = this.#rows.length - this.#first - shown.length
    this.#body.replaceChildren(
      spacer(this.#first * this.#rowHeight),
      ...shown.map((target, i) => rowOf(target, this.#first + i)),
      spacer(below * this.#rowHeight),
    )
  }
}

function headCell(column, onSort) {
  const element = document.createElement('th')
  element.scope = 'col'
  element.style.width = column.width
  if (column.number) element.className = 'number'
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = column.title
  if (column.help) button.title = column.help
  button.addEventListener('click', () => onSort(column.id))
  element.append(button)
  return element
}

function rowOf(target, index) {
  const element = document.createElement('tr')
  element.setAttribute('aria-rowindex', index + 2)
  element.append(...columns.map(column => column.cell(target)))
  return element
}

/** Stands for the rows above or below those in sight. */
function spacer(height) {
  const element = document.createElement('tr')
  element.className = 'spacer'
  element.hidden = height === 0
  element.style.height = `${height}px`
  element.append(document.createElement('td'))
  return element
}
