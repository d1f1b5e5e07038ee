import { describe, expect, test } from 'vitest'
import { chooseSource, type Machine } from '../../../dev/local/kafka/source.js'

const never = () => Promise.reject(new Error('Docker was asked although that does not matter'))
const answers = async () => true
const silent = async () => false

const machine = (has: Partial<Machine>): Machine => ({
  given: undefined,
  asked: undefined,
  java: true,
  maven: true,
  docker: never,
  ...has,
})
const one = { nodes: 1, own: false }

describe('where a Kafka comes from', () => {
  test('a given cluster comes first, and nothing else is looked for', async () => {
    const given = machine({ given: ' a:9092, b:9092,', asked: 'docker', java: false, maven: false })
    expect(await chooseSource(one, given)).toEqual({ from: 'environment', brokers: ['a:9092', 'b:9092'] })
  })

  test.each([
    ['that is to be broken', { nodes: 1, own: true }],
    ['of three nodes', { nodes: 3, own: false }],
  ])('a cluster %s is never the given one', async (_, wanted) => {
    expect(await chooseSource(wanted, machine({ given: 'a:9092' }))).toEqual({ from: 'maven' })
  })

  test.each([
    ['Java', { java: false }],
    ['Maven', { maven: false }],
  ])('Docker takes the place of missing %s', async (_, has) => {
    expect(await chooseSource(one, machine({ ...has, docker: answers }))).toEqual({ from: 'docker' })
  })

  test('Docker comes first only when it is asked for, and never for several nodes', async () => {
    expect(await chooseSource(one, machine({ docker: answers }))).toEqual({ from: 'maven' })
    const asked = machine({ asked: 'docker', docker: answers })
    expect(await chooseSource(one, asked)).toEqual({ from: 'docker' })
    expect(await chooseSource({ nodes: 3, own: true }, asked)).toEqual({ from: 'maven' })
  })

  test.each<[string, Partial<Machine>]>([
    ['Java is missing', { java: false }],
    ['Maven is missing', { maven: false }],
    ['Java and Maven are missing', { java: false, maven: false }],
    ['KAFKA_EXPOSER_KAFKA=docker, and no Docker answers', { asked: 'docker' }],
    ['KAFKA_EXPOSER_KAFKA=podman is not known, there is: docker', { asked: 'podman' }],
  ])('without a way: %s', async (why, has) => {
    expect(await chooseSource(one, machine({ docker: silent, ...has }))).toEqual({ from: 'nowhere', why })
  })
})
