// `npm install` brings a Node that runs the sources. Where it was told not to, one line is better than "Unknown file extension".
if (!process.features.typescript) {
  console.error(
    `taudb: Node ${process.versions.node} cannot run the sources, and the one of "npm install" is missing: ` +
      'run it without --omit=dev and NODE_ENV=production, with its install script allowed',
  )
  process.exitCode = 1
}
