/** Without the password, as Go shows URLs in errors. */
export function redacted(url: URL): string {
  if (url.password === '') return url.href
  const shown = new URL(url)
  shown.password = 'xxxxx'
  return shown.href
}
