// The command itself: a message and an mbox by its files; keys are asked for over real sockets, and only where it was told to.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { keyRecord } from '../../identity/dkim/keys.ts'
import { signDkim } from '../../identity/dkim/sign.ts'
import { directCpu, fixedClock } from '../../identity/testing.ts'
import { parseHeader } from '../../message/header.ts'
import { type DnsServer, startDnsServer } from '../../protocols/dns/server.ts'
import { ZoneTable } from '../../protocols/dns/zone.ts'
import { RealNetwork } from '../../world/real/network.ts'

const run = promisify(execFile)
const MAIN = new URL('../main.ts', import.meta.url).pathname
const WRITTEN =
  'From: Anna <anna@sender.example>\r\nTo: bob@home.example\r\nSubject: minutes\r\nDate: Fri, 27 Nov 2026 10:00:00 +0000\r\n\r\nhello\r\n'
const LINE =
  'Received: from out.sender.example (out.sender.example [192.0.2.5]) by mx.home.example with ESMTPS id 3; Fri, 27 Nov 2026 10:00:05 +0000\r\n'

describe('borderpost trace', () => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-trace-'))
  const file = join(folder, 'message.eml')
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  let server: DnsServer

  before(async () => {
    const { name, text } = keyRecord(privateKey, 'sender.example', 's1')
    const zone = { origin: 'sender.example', records: [{ name, type: 'TXT' as const, ttlS: 60, data: text }] }
    const at = { address: '127.0.0.1', port: 0 }
    server = await startDnsServer({ network: new RealNetwork(), at, zones: new ZoneTable([zone]) })
    const written = Buffer.from(WRITTEN)
    const world = { cpu: directCpu, clock: fixedClock(1_790_000_000) }
    const key = { domain: 'sender.example', selector: 's1', privateKey }
    const signature = await signDkim(parseHeader(written), [key], world)
    writeFileSync(file, Buffer.concat([Buffer.from(LINE), signature, written]))
  })
  after(async () => {
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const trace = async (...words: string[]) =>
    (await run(process.execPath, [MAIN, 'trace', ...words, '--trusted', 'mx.home.example'])).stdout

  test('without --verify it says that no key was asked for; with it the signature is valid', async () => {
    assert.match(await trace(file), /DKIM {2}sender\.example {2}body unchanged\n.*Keys were not asked for/)
    const asked = await trace(file, '--dns', `127.0.0.1:${server.endpoint.port}`)
    assert.match(asked, /DKIM {2}sender\.example {2}valid\n/)
    assert.doesNotMatch(asked, /not asked for/)
    const { proofs, steps } = JSON.parse(await trace(file, '--json', '--dns', `127.0.0.1:${server.endpoint.port}`))
    assert.deepEqual([proofs.signatures[0].state, steps.length], ['valid', 1])
    await assert.rejects(trace(file, '--dns', 'nowhere'), /--dns nowhere is no address/)
  })

  test('an mbox becomes a table, and a picture', async () => {
    const mbox = join(folder, 'old.mbox')
    const message = readFileSync(file, 'latin1').replaceAll('\r\n', '\n')
    writeFileSync(mbox, `From x Fri Nov 27 10:00:00 2026\n${message}\n`.repeat(3), 'latin1')
    const picture = join(folder, 'paths.svg')
    assert.match(await trace(mbox, '-o', picture), /^3 messages by 1 path\n/)
    assert.match(readFileSync(picture, 'utf8'), /3 messages/)
    // What a mail program saves of one message is a message, and has its answer.
    writeFileSync(mbox, `From x Fri Nov 27 10:00:00 2026\n${message}\n`, 'latin1')
    assert.match(await trace(mbox), /^It [\s\S]*DKIM {2}sender\.example {2}body unchanged\n/)
  })
})
