import { describe, expect, test } from 'vitest'
import { chooseSource, type Machine } from '../../../dev/local/kafka/source.js'

const unused = () =>
  Promise.reject(new Error('Docker was probed although the result does not matter'))
const responds = async () => true
const absent = async () => false

const machine = (overrides: Partial<Machine>): Machine => ({
  brokers: undefined,
  preference: undefined,
  java: true,
  maven: true,
  docker: unused,
  ...overrides,
})
const oneNode = { nodes: 1, own: false }

describe('the source of a Kafka', () => {
  test('is KAFKA_BROKERS first, without probing Java, Maven or Docker', async () => {
    const configured = machine({
      brokers: ' a:9092, b:9092,',
      preference: 'docker',
      java: false,
      maven: false,
    })
    const expected = { from: 'environment', brokers: ['a:9092', 'b:9092'] }
    expect(await chooseSource(oneNode, configured)).toEqual(expected)
  })

  test.each([
    ['that the test may break', { nodes: 1, own: true }],
    ['of three nodes', { nodes: 3, own: false }],
  ])('of a cluster %s is never KAFKA_BROKERS', async (_, requirements) => {
    expect(await chooseSource(requirements, machine({ brokers: 'a:9092' }))).toEqual({
      from: 'maven',
    })
  })

  test.each([
    ['Java', { java: false }],
    ['Maven', { maven: false }],
  ])('is Docker if %s is missing', async (_, overrides) => {
    expect(await chooseSource(oneNode, machine({ ...overrides, docker: responds }))).toEqual({
      from: 'docker',
    })
  })

  test('is Docker first only with KAFKA_EXPOSER_KAFKA=docker, and never for several nodes', async () => {
    expect(await chooseSource(oneNode, machine({ docker: responds }))).toEqual({ from: 'maven' })
    const preferred = machine({ preference: 'docker', docker: responds })
    expect(await chooseSource(oneNode, preferred)).toEqual({ from: 'docker' })
    expect(await chooseSource({ nodes: 3, own: true }, preferred)).toEqual({ from: 'maven' })
  })

  test.each<[string, Partial<Machine>]>([
    ['Java is missing', { java: false }],
    ['Maven is missing', { maven: false }],
    ['Java and Maven are missing', { java: false, maven: false }],
    ['KAFKA_EXPOSER_KAFKA=docker is set, but Docker does not respond', { preference: 'docker' }],
    ['KAFKA_EXPOSER_KAFKA=podman is unknown; the only value is docker', { preference: 'podman' }],
  ])('is none with a reason: %s', async (reason, overrides) => {
    expect(await chooseSource(oneNode, machine({ docker: absent, ...overrides }))).toEqual({
      from: 'none',
      reason,
    })
  })
})
