/** The results of loading the configuration file. */
export interface Reloads {
  /** Whether there is a file. */
  readonly isConfigured: boolean
  readonly lastSuccessful: boolean
  /** Unix ms. */
  readonly lastSuccess: number
}
