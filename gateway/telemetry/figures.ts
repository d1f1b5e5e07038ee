export { type Figure, registerFigures } from '../../shared/http/figures.js'
