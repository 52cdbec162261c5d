// Every message of the MIME corpora, byte for byte through APPEND and FETCH, whole and in parts: the parts that the client
// reads are those that BODYSTRUCTURE names, and they are where the message has them. What the trees look like is tested
// beside the walker (message/mime.test.ts).

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { allParts, parseStructure } from '../../message/mime.ts'
import type { MemoryClient } from '../testing.ts'
import { bodyStructure } from './body-structure.ts'
import { ImapTests, said } from './testing.ts'

const SUITES = join(import.meta.dirname, '../../../../shared/suites')
const tests = new ImapTests(mkdtempSync(join(tmpdir(), 'borderpost-')), (folder) => rmSync(folder, { recursive: true }))

/** Lists and expected results: no messages. */
const NO_MESSAGE = /PROVENANCE\.md$|\.(xml|json)$|flanker\/[^/]+\.txt$|mailcore-summary\/output\//
const PARTS_LOOKED_AT = 30

/** The literal of an answer, as one character for each byte. */
function literalOf(answer: string): string {
  const [head, size] = /^[^{]*?~?\{(\d+)\}\r\n/.exec(answer) ?? ['', '0']
  return answer.slice(head.length, head.length + Number(size))
}

async function comesBack(client: MemoryClient, source: Buffer, name: string): Promise<void> {
  const text = source.toString('latin1')
  const appended = await said(client, `APPEND INBOX {${source.length}}\r\n${text}`)
  const uid = /APPENDUID \d+ (\d+)/.exec(appended.at(-1)!)![1]!
  const fetched = async (item: string): Promise<string> =>
    (await said(client, `UID FETCH ${uid} (${item})`)).find((line) => / FETCH /.test(line))!
  assert.equal(literalOf(await fetched('BODY.PEEK[]')), text, name)
  const root = parseStructure(source)
  assert.equal(
    await said(client, `UID FETCH ${uid} RFC822.SIZE`).then(([line]) => Number(/SIZE (\d+)/.exec(line!)![1])),
    source.length,
  )
  assert.ok((await fetched('BODYSTRUCTURE')).includes(`BODYSTRUCTURE ${bodyStructure(root, true)}`), name)
  let looked = 0
  for (const part of allParts(root)) {
    if (part.number === '' || looked++ >= PARTS_LOOKED_AT) continue
    const answer = await fetched(`BODY.PEEK[${part.number}]`)
    const wanted = source.toString('latin1', part.bodyStart, part.bodyEnd)
    if (wanted === '') assert.match(answer, /BODY\[[\d.]+\] ("")|\{0\}/, name)
    else assert.equal(literalOf(answer), wanted, `${name} ${part.number}`)
  }
}

for (const suite of ['mime-fixtures', 'mime-mime4j', 'mime-mailparser-rs']) {
  test(`${suite}: what was appended is what is fetched, whole and part by part`, { timeout: 120_000 }, async (t) => {
    const folder = join(SUITES, suite)
    if (!existsSync(folder)) return t.skip(`conformance data is absent: ${suite}`)
    const client = await tests.session()
    await said(client, 'SELECT INBOX')
    let compared = 0
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name)
      if (!entry.isFile() || NO_MESSAGE.test(path)) continue
      const source = readFileSync(path)
      // NUL is in no literal (RFC 9051 §9 CHAR8); nor is nothing a message that is appended.
      if (source.includes(0) || source.length === 0 || source.length > 900_000) continue
      await comesBack(client, source, relative(SUITES, path))
      compared++
    }
    assert.ok(compared > 20, `${compared} messages`)
    t.diagnostic(`${compared} messages`)
  })
}
