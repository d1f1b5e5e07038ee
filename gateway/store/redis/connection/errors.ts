/** A command was not answered, or was not sent. */
export class ConnectionFailed extends Error {
  override readonly name = 'ConnectionFailed'
  /** @param sent whether the command may have been executed */
  constructor(
    message: string,
    readonly sent: boolean,
  ) {
    super(message)
  }
}

/** Whether an error is a reply of the server, such as `MOVED 12 127.0.0.1:7000`. */
export const isReply = (error: unknown): error is Error =>
  error instanceof Error && error.name === 'ReplyError'

/** The first word of an error of the server, such as `MOVED`. */
export const replyCode = (error: Error): string => error.message.split(' ', 1)[0]

/** The beginning of an error message: some errors of Redis contain whole commands. */
export const brief = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
