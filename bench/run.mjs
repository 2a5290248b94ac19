// `npm run bench` runs all; `npm run bench -- pipeline` one.
const all = ['pipeline', 'signing', 'oauth', 'throttle', 'fleet', 'memory', 'storage']
const wanted = process.argv.slice(2)
for (const name of wanted.length ? wanted : all) await import(`./${name}.mjs`)
