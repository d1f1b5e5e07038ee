const VERIFYING = ['VerifyClientCertIfGiven', 'RequireAndVerifyClientCert']

/**
 * Returns conflicts between values of `tls_server_config`. Accepts unvalidated input, so that
 * conflicts are reported together with invalid values.
 */
export function findTlsConflicts(section: unknown): string[] {
  if (typeof section !== 'object' || section === null || !Object.keys(section).length) return []
  const problems: string[] = []
  const value = (key: string): unknown => (section as Record<string, unknown>)[key]
  const given = (key: string) => value(key) !== undefined && value(key) !== ''
  const report = (key: string, message: string) =>
    problems.push(`tls_server_config${key && `.${key}`}: ${message}`)

  for (const key of ['cert', 'key', 'client_ca']) {
    if (given(key) && given(`${key}_file`))
      report(key, `conflicts with ${key}_file: remove one of them`)
  }
  for (const key of ['cert', 'key']) {
    if (!given(key) && !given(`${key}_file`)) report('', `${key}_file (or ${key}) is required`)
  }
  const type = given('client_auth_type') ? value('client_auth_type') : 'NoClientCert'
  const authority = given('client_ca') || given('client_ca_file')
  if (VERIFYING.includes(String(type)) && !authority) {
    report(
      'client_auth_type',
      `${type} requires client_ca_file: without it, certificates of any public CA would be accepted`,
    )
  }
  if (type === 'NoClientCert') {
    for (const key of ['client_ca', 'client_ca_file', 'client_allowed_sans']) {
      if (given(key))
        report(key, 'has no effect without a client_auth_type that requests certificates')
    }
  }
  // The names sort in the order of the versions.
  if (String(value('min_version') ?? '') > String(value('max_version') ?? 'TLS13')) {
    report('min_version', 'is above max_version')
  }
  return problems
}
