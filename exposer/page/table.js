import { columns } from './columns.js'

/** Number of rows that are rendered above and below the visible ones. */
const OVERSCAN = 12

/**
 * A table with virtual scrolling: only the visible rows are in the document, whatever the number of
 * targets.
 */
export class Table {
  #rows = []
  #first = 0
  #rowHeight = Number.parseFloat(
    getComputedStyle(document.documentElement).getPropertyValue('--row'),
  )
  #scroller = document.getElementById('scroller')
  #head = document.getElementById('head')
  #body = document.getElementById('rows')
  #empty = document.getElementById('empty')

  /** @param onSort called with the id of a column when its title is clicked */
  constructor(onSort) {
    this.#head.append(...columns.map(column => createHeadCell(column, onSort)))
    this.#scroller.addEventListener('scroll', () => this.#onScroll(), { passive: true })
    new ResizeObserver(() => this.#renderRows()).observe(this.#scroller)
  }

  /** @param emptyText shown instead of rows if there are none */
  render(rows, sort, emptyText) {
    this.#rows = rows
    this.#head.closest('table').setAttribute('aria-rowcount', rows.length + 1)
    this.#empty.hidden = rows.length > 0
    this.#empty.textContent = emptyText
    for (const [i, column] of columns.entries()) {
      const direction = sort.descending ? 'descending' : 'ascending'
      this.#head.children[i].setAttribute(
        'aria-sort',
        column.id === sort.column ? direction : 'none',
      )
    }
    this.#renderRows()
  }

  #firstVisible() {
    const last = Math.max(0, this.#rows.length - 1)
    return Math.min(last, Math.floor(this.#scroller.scrollTop / this.#rowHeight))
  }

  #onScroll() {
    if (Math.abs(this.#firstVisible() - OVERSCAN - this.#first) >= OVERSCAN / 2) this.#renderRows()
  }

  #renderRows() {
    const visible = Math.ceil(this.#scroller.clientHeight / this.#rowHeight)
    this.#first = Math.max(0, this.#firstVisible() - OVERSCAN)
    const rendered = this.#rows.slice(this.#first, this.#first + visible + 2 * OVERSCAN)
    const below = this.#rows.length - this.#first - rendered.length
    this.#body.replaceChildren(
      createSpacer(this.#first * this.#rowHeight),
      ...rendered.map((target, i) => createRow(target, this.#first + i)),
      createSpacer(below * this.#rowHeight),
    )
  }
}

function createHeadCell(column, onSort) {
  const element = document.createElement('th')
  element.scope = 'col'
  element.style.width = column.width
  if (column.isNumeric) element.className = 'number'
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = column.title
  if (column.tooltip) button.title = column.tooltip
  button.addEventListener('click', () => onSort(column.id))
  element.append(button)
  return element
}

function createRow(target, index) {
  const element = document.createElement('tr')
  element.setAttribute('aria-rowindex', index + 2)
  element.append(...columns.map(column => column.createCell(target)))
  return element
}

/** A row with the height of the rows that are not rendered. */
function createSpacer(height) {
  const element = document.createElement('tr')
  element.className = 'spacer'
  element.hidden = height === 0
  element.style.height = `${height}px`
  element.append(document.createElement('td'))
  return element
}
