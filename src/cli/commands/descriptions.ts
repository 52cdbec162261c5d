// Verbs on a description: what it means, whether it is right, how it is written, drawn and simulated.

import type { Command } from 'commander'
import { print, verb } from '../command.ts'
import { drawFile, FORMATS, LAYER_WORDS } from '../verbs/draw.ts'

/** Declares explain, check, fmt, draw, simulate, experiment and gallery. */
export function descriptions(program: Command) {
  program
    .command('explain')
    .description(
      'a description in plain words: who answers for what, who can trust whom, what is wrong, what DNS proves',
    )
    .argument('<file>', "description, or '-' for standard input")
    .argument('[domain]', 'only what is published for this domain, and what it proves')
    .option('--folder <dir>', 'where the keys are kept: then they are explained, too')
    .option(
      '--what-if <switches>',
      'with switches turned, as of simulate, and what changes by it: dkim=no,old:trust=yes',
    )
    .option('--json', 'the result as JSON', false)
    .action((file, domain, options) =>
      verb(async () =>
        domain === undefined
          ? (await import('../verbs/explain-system.ts')).explainSystem(file, options, print)
          : (await import('../verbs/explain.ts')).explain(file, domain, options, print),
      )(),
    )

  program
    .command('check')
    .description('say what is wrong with a description, where, and what to do')
    .argument('<file>', "description, or '-' for standard input")
    .option('--json', 'findings as JSON', false)
    .option('--fix', 'write into the file what there is only one way to mend', false)
    .action((file, options) => verb(async () => (await import('../verbs/check.ts')).checkVerb(file, options))())

  program
    .command('fmt')
    .description('write a description in its normal form')
    .argument('<file>', "description, or '-' for standard input")
    .option('--style <style>', 'flat or drawn')
    .option('-w, --write', 'write it back to the file', false)
    .action((file, options) => verb(async () => (await import('../verbs/fmt.ts')).fmtVerb(file, options))())

  program
    .command('draw')
    .description('draw a description as a picture, or in the language of another drawing tool')
    .argument('<file>', "description, or '-' for standard input")
    .option('-f, --format <format>', FORMATS, 'svg')
    .option('-o, --output <file>', 'where to write it (default: standard output)')
    .option('--theme <theme>', 'of a picture: auto (the reader decides; a PNG is light), light or dark', 'auto')
    .option('--layer <layers>', `what is shown beside the flows: ${LAYER_WORDS.join(', ')}`, 'all')
    .option('--scale <n>', 'pixels of a PNG for each one of the SVG', '2')
    .action((file, options) => verb(() => drawFile(file, options))())

  program
    .command('simulate')
    .description('send a letter along every flow of a description, and show what becomes of SPF, DKIM, DMARC and ARC')
    .argument('<file>', "description, or '-' for standard input; what is not written is assumed")
    .option('--seed <seed>', 'of everything that is left to chance', '1')
    .option(
      '--what-if <switches>',
      'turn switches, for all or one (ID:), and show which cells change: srs=no,dkim=no,old:modifies=footer,bob:trust=no',
    )
    .option(
      '--messages <n>',
      'days of traffic instead: so many messages of honest people, spammers, forgers and a botnet',
    )
    .option('--days <n>', 'in how many days they come', '1')
    .option('--faults <list>', 'what goes wrong meanwhile: outage,latency,loss,crash,diskfull,clock,dns,slow', '')
    .option('--mix <shares>', 'of which kinds: honest=60,spam=15,forged=10,botnet=15, also stolen= and relayed=')
    .option('--plot <file>', 'write the queue lengths over time as a picture (SVG)')
    .option('--coarse', 'flows between populations (population=, people=) instead of letters between agents', false)
    .option('--calibrate <n>', 'messages that the parameters of the coarse level are measured on', '1000')
    .option('--parameters <file>', 'parameters of the coarse level: read if the file is there, else written')
    .option('--outages <n>', 'of each agent of the coarse level in a day, on average; of each kind of --faults', '0.05')
    .option('--send', 'run it as real agents on this computer, too, and compare every cell', false)
    .option('--replay', 'print what was said between the agents', false)
    .option('--json', 'lines of JSON; the last one has the hash of everything that happened', false)
    .action((file, options) => verb(async () => (await import('../verbs/simulate.ts')).simulateVerb(file, options))())

  program
    .command('experiment')
    .description('run a study of email systems from a file (see experiments/), and write its table and its plot')
    .argument('<file>', 'the experiment (YAML): question, system, what varies, what is measured')
    .option('--seed <seed>', 'of everything that is left to chance (default: what the file says)')
    .option('--messages <n>', 'of each point (default: what the file says)')
    .option('--repeats <n>', 'each point so often, each time with another seed (default: what the file says)')
    .option('--level <level>', 'fine, letter by letter, or coarse, by flows (default: what the file says)')
    .option('-o, --output <folder>', 'where table (CSV) and plot (SVG) go (default: beside the file)')
    .option('--json', 'the points as lines of JSON', false)
    .action((file, options) =>
      verb(async () => (await import('../verbs/experiment.ts')).experimentVerb(file, options))(),
    )

  program
    .command('gallery')
    .description('simulate every description of a folder, run it on this computer, and compare prediction and reality')
    .argument('[folder]', 'of descriptions (default: the gallery that comes with Borderpost)')
    .option('--seed <seed>', 'of the simulated world', '1')
    .action((folder, { seed }) => verb(async () => (await import('../verbs/gallery.ts')).gallery(folder, seed))())
}
