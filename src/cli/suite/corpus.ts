// A corpus of spam and wanted mail, learned and scored in order of arrival (the method of TREC's spam tracks). DIR has
// folders of whole messages, one in a file; a folder's name tells the label (`spam…`, or anything with `ham` in it).
// Order: the topmost Received date, else Date, else the beginning; ties by folder and file name. A case passes when its
// score, given before it was learned, is on the right side of the shipped threshold.

import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { MailView, weigh } from '../../filter/rules/rules.ts'
import { Classifier, SPAM_THRESHOLD } from '../../filter/statistics/classifier.ts'
import { arrivalMs, figuresOf, pointAt, type Scored } from '../../filter/statistics/evaluate.ts'
import { type Features, featuresOf } from '../../filter/statistics/features.ts'
import { rulesAsFacts } from '../../filter/statistics/finding.ts'
import { parseHeader } from '../../message/header.ts'
import { filesIn, foldersOf, type Suite, SuiteReport } from './report.ts'

export interface CorpusMessage {
  path: string
  /** Folder and file. */
  name: string
  isSpam: boolean
  arrivalMs: number
  bytes: Buffer
}

/** The labelled messages of a folder, in order of arrival. */
export function readCorpus(dir: string): CorpusMessage[] {
  const messages: CorpusMessage[] = []
  for (const folder of foldersOf(dir)) {
    const label = /spam|ham/i.exec(folder)?.[0].toLowerCase()
    if (label === undefined) continue
    for (const path of filesIn(join(dir, folder))) {
      if (path.endsWith('.json') || path.endsWith('.md')) continue
      const bytes = readFileSync(path)
      const name = `${folder}/${basename(path)}`
      messages.push({ path, name, isSpam: label === 'spam', arrivalMs: arrivalMs(parseHeader(bytes)) ?? 0, bytes })
    }
  }
  return messages.sort((a, b) => a.arrivalMs - b.arrivalMs || (a.name < b.name ? -1 : 1))
}

/** What the learners see, with what the rules said of it when it arrived. */
export function featuresIn({ bytes, arrivalMs }: CorpusMessage): Features {
  const view = new MailView({ message: bytes, nowMs: arrivalMs })
  const { points, hits } = weigh(view)
  return featuresOf(view.root, { facts: rulesAsFacts(hits), rulePoints: points })
}

export const corpusSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  const classifier = new Classifier()
  const scored: Scored[] = []
  for (const message of readCorpus(dir)) {
    const { name, isSpam } = message
    const features = featuresIn(message)
    const score = classifier.score(features)
    classifier.learn(features, isSpam)
    scored.push({ score, isSpam })
    report.check(name, isSpam ? 'spam' : 'ham', score >= SPAM_THRESHOLD ? 'spam' : 'ham', [`score ${score.toFixed(4)}`])
  }
  report.lines.push(...figureLines(scored))
  return report
}

/** The figures of a run, for people. */
function figureLines(scored: readonly Scored[]): string[] {
  const { spam, ham, errorAreaPercent } = figuresOf(scored)
  const lines = [`${spam} spam, ${ham} wanted, in order of arrival`, `(1-AUC)% ${errorAreaPercent.toFixed(4)}`]
  for (const share of [0.99, 0.98]) {
    const { falsePositives, falsePositivePercent } = pointAt(scored, share)
    lines.push(
      `false positives at ${share * 100} % spam caught: ${falsePositivePercent.toFixed(2)} % (${falsePositives})`,
    )
  }
  return lines
}
