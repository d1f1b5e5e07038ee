import { z } from 'zod'

/** A target of the command line. */
export interface ScrapeTargetFlag {
  readonly job: string
  readonly url: URL
}

/** `<job>=<url>` */
export const scrapeTarget = z.string().transform((text, context): ScrapeTargetFlag => {
  const fail = (message: string) => {
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  const [, job, address] = /^(.+?)=(https?:\/\/.+)$/is.exec(text) ?? []
  if (job === undefined || !URL.canParse(address))
    return fail(
      `${JSON.stringify(text)} is not a target; write it as shop=http://127.0.0.1:8080/metrics, and a comma in its URL as %2C`,
    )
  const url = new URL(address)
  if (url.username || url.password)
    return fail('must not contain a user name or password: use --config.file with basic_auth')
  if (url.hash) return fail(`${JSON.stringify(text)} must not have a fragment`)
  return { job, url }
})
