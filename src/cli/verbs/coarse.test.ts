import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { completed } from '../../lab/simulate/completed.ts'
import { USUAL } from '../../lab/simulate/senders.ts'
import { parse } from '../../notation/parse.ts'
import { planSystem } from '../../system/description.ts'
import { type CoarseWishes, coarse } from './coarse.ts'

const planOf = (population: number, dmarc: string) => {
  const flow = 'Author@anna ==> MSA/Transmitter@office --> / --> Receiver/MDA@new ==> Recipient@bob'
  const text = `${flow}\n\noffice: domain=office.test, population=${population}, dmarc=${dmarc}\nnew: domain=new.test\n`
  return planSystem(completed(parse(text).model).model).plan
}

test('parameters are kept in a file, hold for any number of agents, and for no other system', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coarse-'))
  const parameters = join(folder, 'parameters.json')
  const plot = join(folder, 'queues.svg')
  const wishes: CoarseWishes = {
    seed: '1',
    messages: 20_000,
    days: 1,
    mix: USUAL,
    calibrate: 60,
    parameters,
    faults: [],
    outages: 0.5,
    plot,
    json: true,
  }
  const said = async (population: number, dmarc = 'reject', json = true, faults: CoarseWishes['faults'] = []) => {
    let text = ''
    await coarse(planOf(population, dmarc), { ...wishes, json, faults }, (more) => {
      text += more
    })
    return text
  }
  try {
    const first = await said(1000)
    const kept = readFileSync(parameters, 'utf8')
    assert.equal(JSON.parse(kept).calibration.parameters.source.messages, 60)
    assert.equal(await said(1000), first)
    const [compared, day, end] = first
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.ok(compared.deviations.length > 0)
    assert.equal(day.agents, 1001)
    assert.match(end.eventLogHash, /^[0-9a-f]{64}$/)
    assert.match(await said(5000, 'reject', false), /\n5,001 agents, /)
    assert.equal(readFileSync(parameters, 'utf8'), kept)
    assert.match(readFileSync(plot, 'utf8'), /<polyline /)
    // A fault is measured when somebody asks for it, and then kept, too.
    const slow = await said(1000, 'reject', false, ['latency'])
    assert.match(slow, /\n {2}latency: honest, later than 20 s, % .* points\n/)
    const more = JSON.parse(readFileSync(parameters, 'utf8')).calibration
    assert.deepEqual(Object.keys(more.parameters.faults), ['latency'])
    assert.deepEqual(more.parameters.acts, JSON.parse(kept).calibration.parameters.acts)
    assert.equal(await said(1000, 'reject', false, ['latency']), slow)
    await assert.rejects(said(1000, 'none'), /holds the parameters of another description/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
