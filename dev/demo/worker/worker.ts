import { join } from 'node:path'
import { packageRoot } from '../../local/folders.js'
import { pythonWithClient } from '../../local/python.js'

/** The worker, a Python program with a /metrics of its own. */
export const workerScript = join(packageRoot, 'dev/demo/worker/worker.py')

/**
 * The Python that runs the worker. Its client library is installed by the first call on a machine.
 *
 * @throws Unavailable without Python 3, or if its package cannot be installed
 */
export const workerPython = (log: (message: string) => void): Promise<string> =>
  pythonWithClient(log)

/** @param port on 127.0.0.1 */
export const workerArgs = (port: number): readonly string[] => [
  `--web.listen-address=127.0.0.1:${port}`,
]
