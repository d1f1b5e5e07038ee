import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface Received {
  readonly requests: number
  readonly samples: number
  readonly histograms: number
  /** Compressed. */
  readonly bytes: number
  readonly messageBytes: number
}

const program = fileURLToPath(new URL('./null-receiver.js', import.meta.url))
const children = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
})

/** A null receiver in a process of its own. */
export class ReceiverProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  /** @param port of a receiver that was stopped. Default: any. */
  static async start(port = 0): Promise<ReceiverProcess> {
    const child = spawn(process.execPath, [program, String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.add(child)
    const [line] = (await once(child.stdout!, 'data')) as [Buffer]
    return new ReceiverProcess(child, String(line).trim())
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  async received(): Promise<Received> {
    return (await (await fetch(this.url)).json()) as Received
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await exited
    children.delete(this.child)
  }
}
