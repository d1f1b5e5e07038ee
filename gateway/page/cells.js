/** Parts of the rows of all lists. */

export function cell(text, className = '') {
  const element = document.createElement('td')
  element.textContent = text
  element.className = className
  return element
}

/** @param focus names the button: one with this name gets the focus after a refresh */
export function button(text, className, focus, onClick) {
  const element = document.createElement('button')
  element.type = 'button'
  element.textContent = text
  element.className = className
  element.dataset.focus = focus
  element.addEventListener('click', onClick)
  return element
}

/** Labels as `[name, value]`, the job first, as in the path of a push. */
export function labelList(labels) {
  const list = document.createElement('div')
  const isJob = ([name]) => name === 'job'
  for (const [name, value] of [...labels.filter(isJob), ...labels.filter(l => !isJob(l))])
    list.append(label(name, value))
  return list
}

function label(name, value) {
  const element = document.createElement('span')
  element.className = 'label'
  const written = document.createElement('i')
  written.textContent = `${name}=`
  element.append(written, value === '' ? '""' : value)
  return element
}
