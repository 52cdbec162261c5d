// The engine in a browser, from plain static files under a strict policy: what its worker answers along the whole gallery is
// what Node answers, to the last event of the simulated world.

import assert from 'node:assert/strict'
import { isAscii, isUtf8 } from 'node:buffer'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { domainToASCII, domainToUnicode } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import { build, type Rolldown } from 'vite'
import { ANSWERS } from './answers.ts'
import { type Engine, EngineError, Superseded } from './client.ts'
import type { Kind, Questions } from './protocol.ts'

const CHROMIUM = '/usr/bin/chromium'
const WEB = new URL('../../../', import.meta.url).pathname
const GALLERY = new URL('../../../../gallery/', import.meta.url)
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking']
const skip = existsSync(CHROMIUM) ? false : `no browser at ${CHROMIUM}`
const POLICY =
  "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'"
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
const DESCRIPTIONS = readdirSync(GALLERY).filter((name) => name.endsWith('.borderpost'))
const SWITCHES = 'srs=no, arc=no, trust=no, dmarc=reject'

const descriptionOf = (name: string) => readFileSync(new URL(name, GALLERY), 'utf8')
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value))
const ALONE = { isStillThere: () => true, isEnough: () => false, progress: () => {} }
const inNode = async <K extends Kind>(kind: K, ask: Questions[K]['ask']) => plain(await ANSWERS[kind](ask, ALONE))

/** What is asked of buffers and of names of hosts: the same function runs in Node and in the page. */
function workout({ isAscii, isUtf8, domainToASCII, domainToUnicode }: typeof NODE): unknown {
  const all = Buffer.from(Array.from({ length: 300 }, (_, i) => i & 0xff))
  const words = Buffer.from('Grüße 한글 \u{1f600} \ud800 \ufeff', 'utf8')
  const long = Buffer.alloc(20_000, 'abcé', 'latin1')
  const array = Uint8Array.of(3, 4)
  const target = new Uint8Array(4)
  const numbers = Buffer.alloc(40)
  numbers.writeUInt32LE(0xdeadbeef, 0)
  numbers.writeBigUInt64BE(0x0102030405060708n, 8)
  numbers.writeDoubleBE(Math.PI, 16)
  numbers.writeUInt16BE(513, 30)
  return {
    text: ['utf8', 'latin1', 'hex', 'base64', 'base64url', 'ascii', 'utf16le'].map((name) =>
      [all, words].map((buffer) => buffer.toString(name as BufferEncoding)),
    ),
    parts: [
      all.toString('hex', 1, 5),
      words.toString('utf8', 1, 9),
      words.toString('latin1', 4),
      all.toString('base64url', 250),
    ],
    beyond: [all.toString('hex', 299, 400), words.toString('utf8', 9, 3)],
    long: [long.toString('latin1').length, long.toString('utf8').length],
    from: [
      ['aGVsbG8_-w', 'base64url'],
      ['aGVs bG8=\nxx', 'base64'],
      ['68656c6c6fz1', 'hex'],
      ['\u00e9\u20ac', 'latin1'],
      ['é', 'utf16le'],
    ].map(([text, name]) => [...Buffer.from(text!, name as BufferEncoding)]),
    lengths: [Buffer.byteLength('Grüße 한'), Buffer.byteLength('aGVsbG8_', 'base64url')],
    find: [
      all.indexOf(array),
      all.lastIndexOf(array),
      all.includes(array),
      all.indexOf('\r\n', 20, 'latin1'),
      all.indexOf(13),
    ],
    equal: [
      Buffer.from([3, 4]).equals(array),
      Buffer.from([3, 5]).equals(array),
      Buffer.compare(array, Buffer.from([3, 5])),
    ],
    copied: [all.copy(target, 1, 10), [...target], Buffer.concat([array, all.subarray(0, 2)]).toString('hex')],
    numbers: [
      numbers.toString('hex'),
      numbers.readUInt32LE(0),
      String(numbers.readBigUInt64LE(8)),
      numbers.readDoubleBE(16),
      numbers.readUIntBE(8, 6),
      numbers.readInt32LE(0),
    ],
    kinds: [isAscii(all), isAscii(Buffer.from('abc')), isUtf8(all), isUtf8(words), isUtf8(Buffer.of(0xc3))],
    shared: (() => {
      const bytes = new Uint8Array([1, 2, 3])
      const view = Buffer.from(bytes.buffer, 1, 2)
      bytes[1] = 9
      return [...view, ...Buffer.from(bytes)]
    })(),
    hosts: ['Grüße.TEST', 'mail.test', 'xn--gre-6ka8l.test', 'a b', '192.0.2.1', '', 'xn--a'].map((name) => [
      domainToASCII(name),
      domainToUnicode(name),
    ]),
  }
}
const NODE = { isAscii, isUtf8, domainToASCII, domainToUnicode }

declare const platform: typeof NODE
declare const engine: Engine
declare const createEngine: (options?: object) => Engine

/** Not at the root of the host: everything must be named relative to the page. */
const HERE = '/some/folder/'

describe('the engine in a browser', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-engine-'))
  const missed: string[] = []
  /** Files that the host does not give. */
  let gone: RegExp | undefined
  // Nothing but files of a folder.
  const server = createServer(({ url = '/' }, response) => {
    const path = join(folder, 'pages', url.replace(HERE, ''), url.endsWith('/') ? 'index.html' : '')
    if (!url.startsWith(HERE) || !existsSync(path) || gone?.test(url)) {
      missed.push(url)
      response.writeHead(404).end()
      return
    }
    const head = {
      'content-type': TYPES[extname(path)] ?? 'text/plain',
      'content-security-policy': POLICY,
      'cache-control': 'no-store',
    }
    response.writeHead(200, head).end(readFileSync(path))
  })
  const wrong: string[] = []
  let chunks: Rolldown.OutputChunk[] = []
  let browser: Browser
  let page: Page

  before(async () => {
    const outDir = join(folder, 'pages')
    const rollupOptions = {
      input: { testing: join(WEB, 'src/lab/engine/testing.ts') },
      output: { entryFileNames: 'assets/[name].js' },
    }
    const options = { outDir, emptyOutDir: true, rollupOptions }
    const built = await build({ root: WEB, mode: 'static', logLevel: 'silent', build: options })
    chunks = (built as Rolldown.RolldownOutput).output.filter((one) => one.type === 'chunk')
    writeFileSync(
      join(outDir, 'index.html'),
      '<!doctype html><link rel="icon" href="icon.svg"><script type="module" src="assets/testing.js"></script>',
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
    page = await browser.newPage()
    page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()))
    page.on('pageerror', ({ message }) => wrong.push(message))
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}${HERE}`)
    await page.evaluate(() => Object.assign(globalThis, { engine: createEngine() }))
  })
  after(async () => {
    await browser?.close()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('the pages themselves need nothing of Node: that is the worker’s alone', () => {
    const all = new Map(chunks.map((chunk) => [chunk.fileName, chunk]))
    const pages = chunks.filter(({ facadeModuleId }) => facadeModuleId?.endsWith('.html'))
    assert.ok(pages.length > 0)
    for (const first of pages) {
      const files = new Set([first.fileName])
      for (const file of files)
        for (const next of [...all.get(file)!.imports, ...all.get(file)!.dynamicImports]) files.add(next)
      const modules = [...files].flatMap((file) => all.get(file)!.moduleIds)
      assert.ok(modules.length > 0)
      const strange = modules.filter((id) =>
        /\/engine\/platform\/|\/src\/(?:store|world|roles)\/|browser-external/.test(id),
      )
      assert.deepEqual(strange, [])
    }
  })

  for (const name of ['lab', 'trace'])
    test(`the page ${name} is there, with nothing but what lies in the folder`, async () => {
      const other = await browser.newPage()
      const asked: string[] = []
      const failed: string[] = []
      other.on('request', (request) => asked.push(new URL(request.url()).pathname))
      other.on('console', (message) => message.type() === 'error' && failed.push(message.text()))
      other.on('pageerror', ({ message }) => failed.push(message))
      try {
        await other.goto(`${page.url()}${name}/`)
        await other.getByRole('heading', { level: 1 }).waitFor()
        await other.waitForLoadState('networkidle')
      } finally {
        await other.close()
      }
      assert.deepEqual(failed, [])
      assert.ok(asked.length > 1)
      assert.deepEqual(
        asked.filter((path) => !path.startsWith(HERE)),
        [],
      )
    })

  test('its buffers and names of hosts are as Node has them', async () => {
    const there = await page.evaluate(`JSON.stringify((${workout})(platform))`)
    assert.deepEqual(JSON.parse(there as string), plain(workout(NODE)))
  })

  for (const name of DESCRIPTIONS)
    test(`${name} comes to the same as in Node: survival, what if, replay`, async () => {
      const text = descriptionOf(name)
      const there = await page.evaluate(
        async ([text, switches]) => {
          const table = await engine.survival(text!)
          const turned = await engine.whatIf(text!, switches!)
          const replays = []
          for (const { flow } of table.flows) replays.push(await engine.replay(text!, flow, switches))
          return JSON.stringify({ table, turned, replays })
        },
        [text, SWITCHES],
      )
      const table = await inNode('survival', { text })
      const replays = []
      for (const { flow } of table.flows) replays.push(await inNode('replay', { text, flow, switches: SWITCHES }))
      assert.ok(table.flows.length + table.skipped.length > 0)
      assert.deepEqual(JSON.parse(there), {
        table,
        turned: await inNode('whatIf', { text, switches: SWITCHES }),
        replays,
      })
      assert.deepEqual(wrong, [])
    })

  test('a day of traffic with every fault is the same day', async () => {
    const text = descriptionOf('srs-forwarder.borderpost')
    const traffic = {
      messages: 60,
      days: 0.5,
      seed: 'x',
      faults: ['outage', 'latency', 'loss', 'crash', 'diskfull', 'clock', 'dns', 'slow'] as const,
    }
    const [there, shares] = await page.evaluate(
      async ([text, traffic]) => {
        const shares: number[] = []
        return [JSON.stringify(await engine.simulate(text, traffic, (share) => shares.push(share))), shares] as const
      },
      [text, traffic] as const,
    )
    assert.ok(shares.length > 10 && shares.every((share, i) => share > (shares[i - 1] ?? 0) && share <= 1))
    assert.deepEqual(JSON.parse(there), await inNode('simulate', { text, ...traffic }))
  })

  test('a message is traced, a text checked and explained', async () => {
    const text = descriptionOf('plain-forwarder.borderpost')
    const message = [
      'Received: from relay.sender.test (relay.sender.test [192.0.2.1]) by mx.recipient.test with ESMTPS id 1',
      ' (TLSv1.3) for <bob@recipient.test>; Thu, 1 Jan 2026 10:00:03 +0000',
      'Authentication-Results: mx.recipient.test; spf=pass smtp.mailfrom=sender.test',
      'Received: from computer.sender.test ([198.51.100.7]) by relay.sender.test with ESMTPSA id 2;',
      ' Thu, 1 Jan 2026 10:00:01 +0000',
      'From: =?utf-8?q?Anna_=C3=84?= <anna@sender.test>',
      'Subject: =?koi8-r?B?0NLJ18XU?=',
      'Date: Thu, 1 Jan 2026 10:00:00 +0000',
      '',
      'Hello.',
      '',
    ].join('\r\n')
    const bytes = new TextEncoder().encode(message)
    const there = await page.evaluate(
      async ([text, bytes]) =>
        JSON.stringify({
          traced: await engine.trace(Uint8Array.from(bytes)),
          findings: await engine.check(text),
          explained: await engine.explain(text),
        }),
      [text, [...bytes]] as const,
    )
    const traced = await inNode('trace', { bytes })
    assert.equal(traced.result.subject, 'привет')
    assert.deepEqual(JSON.parse(there), {
      traced,
      findings: await inNode('check', { text }),
      explained: await inNode('explain', { text }),
    })
  })

  test('what cannot run is refused in words, with the findings', async () => {
    const text = 'Author ==> MSA/Transmitter --> / ==> Receiver/MDA ==> Recipient'
    const told = await page.evaluate(async (text) => {
      const errors: { name: string; message: string; codes: string[] }[] = []
      for (const work of [
        () => engine.survival(text),
        () => engine.whatIf('Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient', 'ssr=no'),
        () => engine.replay('Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient', 7),
      ])
        await work().catch(({ name, message, findings }) =>
          errors.push({ name, message, codes: findings.map((one: { code: string }) => one.code) }),
        )
      return errors
    }, text)
    assert.equal(told.length, 3)
    assert.match(told[0]!.message, /It cannot be run as it is: .+ \(line 1\)/)
    assert.deepEqual(told[0]!.codes, ['M01'])
    assert.match(told[1]!.message, /There is no switch "ssr"/)
    assert.equal(told[2]!.message, 'There is no flow 7.')
    assert.ok(told.every(({ name }) => name === EngineError.name))
  })

  test('a newer question takes the place of an older one, which ends; what takes too long is told, and the next is answered', async () => {
    const text = descriptionOf('diagram-1.borderpost')
    const told = await page.evaluate(async (text) => {
      const old = engine.simulate(text, { messages: 100_000, days: 100 }).catch(({ name }) => name)
      const fresh = await engine.simulate(text, { messages: 3, days: 0.01 })
      const states: string[] = []
      const hasty = createEngine({ trafficPatienceMs: 1, onState: (state: string) => states.push(state) })
      const late = await hasty.simulate(text, { messages: 100_000, days: 100 }).catch(({ message }) => message)
      const { flows } = await hasty.survival(text)
      hasty.close()
      return { old: await old, fresh: fresh.messages, late, flows: flows.length, states }
    }, text)
    assert.equal(told.old, Superseded.name)
    assert.equal(told.fresh, 3)
    assert.match(told.late, /There was no answer within 0 seconds; the engine was started anew/)
    assert.equal(told.flows, 1)
    assert.deepEqual(told.states, ['loading', 'loading', 'ready'])
    assert.deepEqual(missed, [])
    assert.deepEqual(wrong, [])
  })

  test('days that are stopped tell what was until then, and the worker is free for the next question', async () => {
    const told = await page.evaluate(async (text) => {
      const shares: number[] = []
      const ended = await engine.simulate(text, { messages: 100_000, days: 100 }, (share: number) => {
        shares.push(share)
        engine.stop()
      })
      const { flows } = await engine.survival(text)
      return { ended, shares, flows: flows.length }
    }, descriptionOf('diagram-1.borderpost'))
    const { stopped, messages, days, kinds } = told.ended
    assert.deepEqual(stopped, { messages: 100_000, days: 100 })
    assert.ok(messages > 0 && messages < 100_000 && days > 0 && days < 100, JSON.stringify([messages, days]))
    assert.equal(
      Object.values(kinds).reduce((sum: number, one) => sum + one.sent, 0),
      messages,
    )
    assert.ok(told.shares.length > 0)
    assert.equal(told.flows, 1)
  })

  for (const part of ['worker', 'answers'])
    test(`where the host does not give the ${part} it is told, and asked for again`, async () => {
      const other = await browser.newPage()
      try {
        await other.goto(page.url())
        gone = new RegExp(`/${part}-`)
        const ask = () =>
          other.evaluate(async () => {
            Object.assign(globalThis, { engine: (globalThis as { engine?: Engine }).engine ?? createEngine() })
            return engine.check('Author').then(
              () => 'answered',
              ({ message }) => message,
            )
          })
        assert.equal(await ask(), 'The engine could not be loaded. Please load the page again.')
        gone = undefined
        assert.equal(await ask(), 'answered')
      } finally {
        gone = undefined
        await other.close()
      }
    })
})
