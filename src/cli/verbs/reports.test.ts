// `borderpost reports`: a file is explained, a folder shows what came and went.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { sampleReports } from '../../roles/reports/testing.ts'
import { openStore } from '../../store/embedded.ts'
import { realWorld } from '../../world/real/world.ts'
import { reports } from './reports.ts'

const XML = `<?xml version="1.0"?><feedback>
<report_metadata><org_name>big\u001b[31m.test</org_name><report_id>r1</report_id>
<date_range><begin>1700000000</begin><end>1700086399</end></date_range></report_metadata>
<policy_published><domain>sender.test</domain><p>none</p></policy_published>
<record><row><source_ip>192.0.2.7</source_ip><count>3</count>
<policy_evaluated><disposition>none</disposition><dkim>fail</dkim><spf>pass</spf></policy_evaluated></row>
<identifiers><header_from>sender.test</header_from></identifiers></record></feedback>`

const TLS = `{"organization-name":"big.test","date-range":{"start-datetime":"2026-11-25T00:00:00Z",
"end-datetime":"2026-11-25T23:59:59Z"},"policies":[{"policy":{"policy-type":"sts","policy-domain":"sender.test"},
"summary":{"total-successful-session-count":7,"total-failure-session-count":2},"failure-details":[
{"result-type":"certificate-host-mismatch","receiving-mx-hostname":"mx.sender.test","failed-session-count":2}]}]}`

async function inFolder(
  work: (folder: string, run: (...args: string[]) => Promise<[number, string]>) => unknown,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'borderpost-reports-'))
  const run = async (...args: string[]): Promise<[number, string]> => {
    let text = ''
    const paths = args.filter((arg) => !arg.startsWith('--'))
    const code = await reports(paths, { days: '30', json: args.includes('--json') }, (part) => {
      text += part
    })
    return [code, text]
  }
  try {
    await work(folder, run)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a report in a file is explained, packed or not, and no escape sequence reaches the terminal', () =>
  inFolder(async (folder, run) => {
    const file = (name: string, content: string | Buffer) => {
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    }
    const [code, text] = await run(file('a.xml.gz', gzipSync(XML)))
    assert.equal(code, 0)
    assert.match(
      text,
      /a DMARC report by big\?\[31m\.test about sender\.test, 2023-11-14 22:13 to 2023-11-15 22:13 \(r1\)/,
    )
    assert.match(text, /Yours by its address, not signed\. Let it sign as sender\.test/)
    assert.match(text, /192\.0\.2\.7 +3 +0 +3 +0 +0\n/)
    const [, tls] = await run(file('b.json', TLS))
    assert.match(
      tls,
      /9 sessions: 7 as they should be, 2 not\n +2 × certificate-host-mismatch at mx\.sender\.test: The certificate names/,
    )
    const arf = `From: a@b.test\nContent-Type: multipart/report; report-type=feedback-report; boundary=x\n
--x\nContent-Type: text/plain\n\nhello\n--x\nContent-Type: message/feedback-report\n
Feedback-Type: abuse\nUser-Agent: Big/1\nVersion: 1\nSource-IP: 192.0.2.7\n\n--x--\n`
    assert.match(
      (await run(file('c.eml', arf.replaceAll('\n', '\r\n'))))[1],
      /a complaint \(abuse\)[\s\S]*sent by +192\.0\.2\.7/,
    )
    const [worst, both] = await run(file('d.eml', 'Subject: hi\n\nhello\n'), join(folder, 'b.json'))
    assert.equal(worst, 1)
    assert.match(both, /d\.eml: no report is in it\n[\s\S]*9 sessions/)
    assert.equal(JSON.parse((await run('--json', join(folder, 'b.json')))[1]).kind, 'tls')
    assert.equal((await run(join(folder, 'absent.eml')))[0], 2)
    assert.equal((await run(folder))[0], 2)
  }))

test('a folder shows what came and went, while the agent runs', () =>
  inFolder(async (folder, run) => {
    const dns = () => ({ resolve: () => Promise.reject(new Error('no DNS here')) })
    const world = realWorld({ folder: join(folder, 'sender'), dns })
    const store = await openStore(world)
    await store.commit(sampleReports(world.clock.now()))
    for (const path of [folder, join(folder, 'sender'), join(folder, 'sender', 'store')]) {
      const [code, text] = await run(path)
      assert.equal(code, 0)
      assert.match(text, /^\nsender, the last 30 days\n/)
      assert.match(text, /1546 messages: 1321 proven, 225 not; 216 refused, 9 set aside \(policy reject\)/)
      assert.match(text, /203\.0\.113\.66 +212 +0 +0 +212 +0\n/)
      assert.match(text, /anna@sender\.test: 1\n +\S+ \S+ +abuse by big\.test +Our spring offers/)
      assert.match(text, /Sent to dmarc@big\.test as k4m2n8p0q1rs\./)
    }
    const [{ agent, overview }] = JSON.parse((await run('--json', folder))[1])
    assert.deepEqual([agent, overview.domains[0].messages], ['sender', 1546])
    await store.close()
  }))
