import { expect, test } from 'vitest'
import { statusOf } from '../../../exposer/telemetry/remote-write-status.js'
import { receiver } from '../../support/receivers.js'

test.each([
  ['ok', 50, 5],
  ['behind', 70, 5],
  ['ok', 110, 60],
  ['ok', 350, 300],
  ['behind', 370, 300],
])(
  'a receiver is %s at %i s of lag with a send deadline of %i s',
  (state, lagSeconds, deadline) => {
    const facts = { lagSeconds, sendDeadlineSeconds: deadline }
    const stored = { lastStoredAt: Date.now() }
    expect(statusOf(receiver('r', stored, facts), Date.now()).state).toBe(state)
  },
)
