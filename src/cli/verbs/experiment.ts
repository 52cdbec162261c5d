// `borderpost experiment FILE`: runs a study of email systems, prints its numbers, and writes table and plot beside the file.

import { writeFileSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { chart } from '../../lab/experiments/chart.ts'
import { LEVELS, type Level, readExperiment } from '../../lab/experiments/experiment.ts'
import { runExperiment } from '../../lab/experiments/run.ts'
import { csvOf, renderTable } from '../../lab/experiments/table.ts'
import { ProgressLine } from '../progress-line.ts'
import { EXIT, readInput } from '../read-description.ts'

export interface ExperimentOptions {
  readonly seed?: string
  readonly messages?: string
  readonly repeats?: string
  readonly level?: string
  /** A folder; none: beside the file. */
  readonly output?: string
  readonly json: boolean
}

/** The exit code. */
export async function experimentVerb(file: string, options: ExperimentOptions): Promise<number> {
  const text = readInput(file)?.toString('utf8')
  if (text === undefined) return EXIT.usage
  const read = readExperiment(text)
  if (Array.isArray(read)) {
    for (const problem of read) console.error(`${file}: ${problem}`)
    return EXIT.description
  }
  const written = read as Exclude<typeof read, readonly string[]>
  const { seed = written.seed, level = written.level, output = dirname(file) } = options
  const messages = options.messages === undefined ? written.messages : Number(options.messages)
  const repeats = options.repeats === undefined ? written.repeats : Number(options.repeats)
  if (!LEVELS.includes(level as Level) || !(messages >= 1) || !(Number.isInteger(repeats) && repeats >= 1)) {
    console.error(`--level is ${LEVELS.join(' or ')}, --messages a number above 0, --repeats a whole number above 0.`)
    return EXIT.usage
  }
  const experiment = { ...written, seed, messages, repeats, level: level as Level }
  const line = new ProgressLine()
  const points = await runExperiment(experiment, ({ series, x }, n, of) => line.show(n / of, `${series}, ${x}`))
  line.clear()
  const stem = join(output, basename(file, extname(file)))
  writeFileSync(`${stem}.csv`, csvOf(experiment, points))
  writeFileSync(`${stem}.svg`, chart(experiment, points))
  if (options.json) for (const point of points) process.stdout.write(`${JSON.stringify(point)}\n`)
  else {
    const { question, shows, limits } = experiment
    process.stdout.write(
      `${question}\n\n${renderTable(experiment, points)}\n${shows}\n\nWhat it does not show: ${limits}\n\n`,
    )
    process.stdout.write(`Written: ${stem}.csv and ${stem}.svg\n`)
  }
  return EXIT.ok
}
