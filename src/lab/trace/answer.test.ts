import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer } from './answer.ts'
import { type TraceOptions, trace } from './trace.ts'

const SENT = `Received: from [192.168.1.5] (dsl-7.isp.example [203.0.113.77]) by mail.sender.example (Postfix) with ESMTPSA id 1; Tue, 5 Mar 2024 10:11:10 +0000 (UTC)
From: "Anna (bank.example)" <anna@sender.example>
Date: Tue, 5 Mar 2024 10:11:09 +0000

x
`
const FOUND =
  'dkim=pass header.i=@sender.example; spf=pass smtp.mailfrom=anna@sender.example; dmarc=pass header.from=sender.example'

/** The message in a mailbox somewhere; the number of its lines that are believed, and of the one with which it came in. */
function arrived(fields: string, options?: TraceOptions) {
  const result = trace(Buffer.from(`${fields}\n${SENT}`.replaceAll('\n', '\r\n')), options)
  return {
    result,
    said: answer(result),
    entry: result.steps.find(({ entersHere }) => entersHere)?.received.by,
    standings: result.authentication.map(({ standing }) => standing),
    doubts: result.steps.filter(({ doubt }) => doubt !== undefined).length,
  }
}

const OUTLOOK = `Received: from SEZPR04MB8139.apcprd04.prod.outlook.com (2603:1096:101:250::13) by SI6PR04MB8283.apcprd04.prod.outlook.com with HTTPS; Tue, 5 Mar 2024 10:11:16 +0000
Received: from AS4P195CA0003.EURP195.PROD.OUTLOOK.COM (2603:10a6:20b:5e2::9) by SEZPR04MB8139.apcprd04.prod.outlook.com (2603:1096:101:250::13) with Microsoft SMTP Server (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id 15.20.7316.39; Tue, 5 Mar 2024 10:11:15 +0000
Received: from AM3PEPF00009B9F.eurprd04.prod.outlook.com (2603:10a6:20b:5e2:cafe::82) by AS4P195CA0003.outlook.office365.com (2603:10a6:20b:5e2::9) with Microsoft SMTP Server id 15.20.7339.34 via Frontend Transport; Tue, 5 Mar 2024 10:11:14 +0000
Authentication-Results: spf=pass (sender IP is 192.0.2.10) smtp.mailfrom=sender.example; dkim=pass (signature was verified) header.d=sender.example;dmarc=pass action=none header.from=sender.example;compauth=pass reason=100
Received: from mail.sender.example (192.0.2.10) by AM3PEPF00009B9F.mail.protection.outlook.com (10.167.16.24) with Microsoft SMTP Server id 15.20.7339.32 via Frontend Transport; Tue, 5 Mar 2024 10:11:12 +0000`

test('Outlook.com: its hosts hand on between public addresses, under two names, and its results name nobody', () => {
  const { entry, standings, doubts, result, said } = arrived(OUTLOOK)
  assert.equal(entry, 'AM3PEPF00009B9F.mail.protection.outlook.com')
  assert.deepEqual([standings, doubts], [['verified'], 0])
  assert.deepEqual(
    result.authentication[0]!.methods.map(({ method, result: found }) => `${method}=${found}`),
    ['spf=pass', 'dkim=pass', 'dmarc=pass', 'compauth=pass'],
  )
  assert.equal(
    said[0],
    "It is from sender.example: by all signs your own Border found proof (DMARC). Who there wrote it is sender.example's word: anna@sender.example.",
  )
  assert.equal(
    said[1],
    "192.0.2.10, which calls itself mail.sender.example, handed it to AM3PEPF00009B9F.mail.protection.outlook.com: that is certain, if that is a host of yours. What came before is what the sender's side says.",
  )
})

test('a stranger who greets as one of its hosts is a stranger: he comes by the Frontend Transport', () => {
  const lying = OUTLOOK.replace('from mail.sender.example (192.0.2.10)', 'from X1.prod.outlook.com (192.0.2.66)')
  const below =
    'Received: from mail.bank.example (198.51.100.9) by X1.prod.outlook.com (192.0.2.66) with Microsoft SMTP Server id 15.20.1; Tue, 5 Mar 2024 10:11:11 +0000'
  const { entry, result } = arrived(`${lying}\n${below}`)
  assert.equal(entry, 'AM3PEPF00009B9F.mail.protection.outlook.com')
  assert.equal(result.steps.find(({ received }) => received.by === 'X1.prod.outlook.com')?.verified, false)
})

test('Gmail: results below its line, and above it the copy in its seal, which counts', () => {
  const { entry, standings, said } =
    arrived(`Received: by 2002:a05:6512:3d8e:b0:512:b00a:1234 with SMTP id k14; Tue, 5 Mar 2024 02:11:13 -0800 (PST)
ARC-Authentication-Results: i=1; mx.google.com; ${FOUND}
Received: from mail.sender.example (mail.sender.example. [192.0.2.10]) by mx.google.com with ESMTPS id a1 for <bob@gmail.example> (version=TLS1_3 cipher=TLS_AES_256_GCM_SHA384 bits=256/256); Tue, 05 Mar 2024 02:11:12 -0800 (PST)
Authentication-Results: mx.google.com; ${FOUND}`)
  assert.deepEqual([entry, standings], ['mx.google.com', ['verified']])
  assert.match(
    said[0]!,
    /^It is from sender\.example: by all signs your own Border, mx\.google\.com, found proof \(DMARC\)/,
  )
})

test('Yahoo: a host that calls itself by its address; iCloud: one that has no public name', () => {
  const yahoo = arrived(`Authentication-Results: atlas205.free.mail.bf1.yahoo.com; ${FOUND}
Received: from 192.0.2.10 (EHLO mail.sender.example) by 10.197.41.75 with SMTPs (version=TLS1_3 cipher=TLS_AES_128_GCM_SHA256); Tue, 05 Mar 2024 10:11:12 +0000`)
  assert.deepEqual([yahoo.entry, yahoo.standings], ['10.197.41.75', ['verified']])
  const icloud =
    arrived(`Received: from mx-1.icloudmta (localhost [127.0.0.1]) by st13.me.example (gateway) with LMTP id abc; Tue, 05 Mar 2024 10:11:14 +0000 (GMT)
Received: from mail.sender.example (mail.sender.example [192.0.2.10]) by mx-1 (Postfix) with ESMTPS id 1A2 for <bob@me.example>; Tue,  5 Mar 2024 10:11:12 +0000 (UTC)`)
  assert.equal(icloud.entry, 'mx-1')
  assert.match(icloud.said[0]!, /^It says that it is from anna@sender\.example\. Nothing in the header proves that/)
  // Only whom a host of ours names: not any host without a public name.
  const other =
    arrived(`Received: from mx-1.icloudmta (localhost [127.0.0.1]) by st13.me.example with LMTP id abc; Tue, 05 Mar 2024 10:11:14 +0000
Received: from mail.sender.example (mail.sender.example [192.0.2.10]) by mx-2 with ESMTPS id 1A2; Tue,  5 Mar 2024 10:11:12 +0000`)
  assert.equal(other.entry, undefined)
})

test('Cyrus: handing to an MDA by LMTPA is no sign-in of an Author', () => {
  const { entry } =
    arrived(`Received: from mx.home.example ([unix socket]) by imap.home.example (Cyrus v2.4.17) with LMTPA; Tue, 05 Mar 2024 10:11:13 +0000
Received: from mail.sender.example (mail.sender.example [192.0.2.10]) by mx.home.example (Postfix) with ESMTPS id 1; Tue, 5 Mar 2024 10:11:12 +0000`)
  assert.equal(entry, 'mx.home.example')
})

const LINE =
  'Received: from mail.sender.example (mail.sender.example [192.0.2.10]) by mx.home.example with ESMTPS id 2; Tue, 5 Mar 2024 12:11:12 +0000'

test('results just below our line are likely ours, and never the ground of a firm word', () => {
  const { standings, said } = arrived(`${LINE}\nAuthentication-Results: mx.home.example; ${FOUND}`)
  assert.deepEqual(standings, ['likely'])
  assert.match(
    said[0]!,
    /^It says that it is from anna@sender\.example, and most likely your own Border, mx\.home\.example,/,
  )
  // Where ours stand above, what stands below was brought along.
  const forged = arrived(
    `Authentication-Results: mx.home.example; spf=fail smtp.mailfrom=sender.example; dmarc=fail header.from=sender.example\n${LINE}\nAuthentication-Results: mx.home.example; ${FOUND}`,
  )
  assert.deepEqual(forged.standings, ['verified', 'claimed'])
  assert.equal(
    forged.said[0],
    'It says that it is from anna@sender.example, but your own Border, mx.home.example, looked for proof and found none (DMARC failed).',
  )
})

test('where it waited, and whose word that is', () => {
  const { said } = arrived(`Authentication-Results: mx.home.example; ${FOUND}\n${LINE}`, {
    trustedBy: ['home.example'],
  })
  assert.deepEqual(said, [
    "It is from sender.example: your own Border, mx.home.example, found proof (DMARC). Who there wrote it is sender.example's word: anna@sender.example.",
    "mail.sender.example [192.0.2.10] handed it to mx.home.example: that is certain. What came before is what the sender's side says.",
    'It took 2 h: 2 h of that passed before mx.home.example took it from mail.sender.example.',
  ])
})

test('where it waited longer than it took, the clocks differ, and that is said', () => {
  const { said } = arrived(
    `Received: from relay.sender.example (relay.sender.example [192.0.2.10]) by mx.home.example with ESMTPS id 2; Tue, 5 Mar 2024 12:00:00 +0000
Received: from desk.sender.example (desk.sender.example [192.0.2.11]) by relay.sender.example with ESMTPS id 1; Tue, 5 Mar 2024 09:00:00 +0000`,
  )
  assert.equal(
    said.at(-1),
    'It took 1 h 48 min; by clocks that differ 3 h passed before mx.home.example took it from relay.sender.example.',
  )
})

test('a proof of somebody else is none of the Author, also below a suffix whose owner gives names to strangers', () => {
  const { said } = arrived(
    `Authentication-Results: mx.home.example; dkim=pass header.d=mailer.example; spf=pass smtp.mailfrom=b@mailer.example\n${LINE}`,
  )
  assert.equal(
    said[0],
    'It says that it is from anna@sender.example, but your own Border, mx.home.example, found no proof of that. What is proven is another name: mailer.example.',
  )
  const shared = trace(
    Buffer.from(
      `Authentication-Results: mx.home.example; dkim=pass header.d=mallory.github.io\r\n${LINE}\r\nFrom: anna@anna.github.io\r\n\r\nx`,
    ),
  )
  assert.match(answer(shared)[0]!, /found no proof of that/)
})

test('a list: what is proven is that it sent; where the message came from is its word, unless a signature or a seal says it', () => {
  const list = (results: string) =>
    arrived(`Return-Path: <dev-bounces@lists.project.example>
Authentication-Results: mx.home.example; ${results}
Received: from lists.project.example (lists.project.example [198.51.100.20]) by mx.home.example with ESMTPS id 4 for <bob@home.example>; Tue, 5 Mar 2024 10:11:14 +0000
Received: from mail.sender.example (mail.sender.example [192.0.2.10]) by lists.project.example (Postfix) with ESMTPS id 3 for <dev@lists.project.example>; Tue, 5 Mar 2024 10:11:12 +0000
List-Id: Dev <dev.lists.project.example>`).said[2]
  const itself = 'spf=pass smtp.mailfrom=lists.project.example'
  assert.equal(
    list(`${itself}; dkim=fail header.d=sender.example; dmarc=fail header.from=sender.example`),
    "That project.example sent it is proven; that it came there from sender.example is project.example's word alone (no signature of the Author survived, no seal). A sender who only plays the mailing list looks the same.",
  )
  assert.equal(
    list(`${itself}; dkim=pass header.d=sender.example`),
    'It came by way of the mailing list project.example, and sender.example is proven all the same.',
  )
  assert.equal(
    list(`${itself}; dkim=fail header.d=sender.example; arc=pass`),
    'That project.example sent it is proven; project.example sealed what it found before (ARC), which counts as far as you trust project.example.',
  )
  assert.match(list('spf=none; dkim=none')!, /^Nothing proves that project\.example sent it;/)
})

test('garbage is no header, and says so', () => {
  for (const text of ['', 'hello', '\0\0\0', 'Received\n\n'])
    assert.deepEqual(answer(trace(Buffer.from(text))), [
      'This is no header of a message: it names no sender and tells of no path. In most mail programs it stands behind “show original” or “view source”; paste all of it.',
    ])
})

test('more lines than a path can have, and a message that tells of none', () => {
  const line = `${LINE}\r\n`
  assert.match(
    answer(trace(Buffer.from(`${line.repeat(10_000)}From: a@b.example\r\n\r\nx`)))[0]!,
    /^It has \d{4,5} Received lines or more: no path is that long\. Of the newest 200, which are shown, none tells who wrote it\.$/,
  )
  assert.deepEqual(answer(trace(Buffer.from('From: a@b.example\r\n\r\nx'))), [
    'It says that it is from a@b.example. Nothing in the header proves that: no Border wrote down what it found.',
    'It has no Received lines: it tells of no path.',
  ])
})
