const VERIFYING = ['VerifyClientCertIfGiven', 'RequireAndVerifyClientCert']

/**
 * What is wrong between the values of `tls_server_config`. Takes what was written, whatever it is, so that these mistakes
 * are told together with those of single values.
 */
export function tlsContradictions(section: unknown): string[] {
  if (typeof section !== 'object' || section === null || !Object.keys(section).length) return []
  const problems: string[] = []
  const value = (key: string): unknown => (section as Record<string, unknown>)[key]
  const given = (key: string) => value(key) !== undefined && value(key) !== ''
  const report = (key: string, message: string) =>
    problems.push(`tls_server_config${key && `.${key}`}: ${message}`)

  for (const key of ['cert', 'key', 'client_ca']) {
    if (given(key) && given(`${key}_file`)) report(key, `stands beside ${key}_file: leave one of them out`)
  }
  for (const key of ['cert', 'key']) {
    if (!given(key) && !given(`${key}_file`)) report('', `needs ${key}_file (or ${key})`)
  }
  const type = given('client_auth_type') ? value('client_auth_type') : 'NoClientCert'
  const authority = given('client_ca') || given('client_ca_file')
  if (VERIFYING.includes(String(type)) && !authority) {
    report(
      'client_auth_type',
      `${type} needs client_ca_file: without it any certificate of any public authority would do`,
    )
  }
  if (type === 'NoClientCert') {
    for (const key of ['client_ca', 'client_ca_file', 'client_allowed_sans']) {
      if (given(key)) report(key, 'has no effect without a client_auth_type that asks for certificates')
    }
  }
  // The names sort as the versions do.
  if (String(value('min_version') ?? '') > String(value('max_version') ?? 'TLS13')) {
    report('min_version', 'is above max_version')
  }
  return problems
}
