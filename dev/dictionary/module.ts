const LINE = 96

/** A module with the bytes in base64, so that programs that are bundled into one file have them. */
export function moduleOf(name: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(new RegExp(`.{1,${LINE}}`, 'g')) ?? []
  return `// The file beside this one, in base64. Written by dev/dictionary/main.ts.
export const ${name}: string = [
${lines.map(line => `  '${line}',\n`).join('')}].join('')
`
}
