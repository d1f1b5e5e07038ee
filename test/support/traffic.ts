import { inject } from 'vitest'
import { newSender } from './kafka.js'

/** A producer that continuously writes records to keys on all partitions of a topic. */
export class Traffic {
  /** Number of acknowledged records. */
  written = 0
  failed = 0
  #running = false
  #done: Promise<void> = Promise.resolve()

  start(topic: string, brokers: string[] = inject('brokers'), size = 500): void {
    this.#running = true
    this.#done = this.#run(topic, brokers, size)
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }

  async #run(topic: string, brokers: string[], size: number): Promise<void> {
    const sender = newSender(topic, brokers, 2_000)
    for (let i = 0; this.#running; i++) {
      const value = Buffer.alloc(size, `${i} `)
      await sender.send(Buffer.from(`key-${i % 97}`), [value]).then(
        () => this.written++,
        async () => {
          this.failed++
          await new Promise(resolve => setTimeout(resolve, 20))
        },
      )
    }
    await sender.disconnect()
  }
}
