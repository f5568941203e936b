//! tokio-postgres: prepared statements, portals, COPY and cancel.
use futures_util::SinkExt;
use std::{env, io::Cursor, pin::pin, time::Duration, time::SystemTime};
use tokio_postgres::{error::SqlState, NoTls};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = format!("host={} port={} user=postgres dbname=postgres", env::var("PGHOST")?, env::var("PGPORT")?);
    let (mut client, connection) = tokio_postgres::connect(&address, NoTls).await?;
    tokio::spawn(connection);

    client.batch_execute("create table r (id int primary key, t timestamptz, a int[], b bytea, f float8)").await?;
    client
        .execute("insert into r values ($1, $2, $3, $4, $5)", &[&1i32, &SystemTime::UNIX_EPOCH, &vec![1i32, 2], &vec![0u8, 255], &1.5f64])
        .await?;
    let row = client.query_one("select * from r where id = $1", &[&1i32]).await?;
    assert_eq!((row.get(1), row.get(2), row.get(3), row.get(4)), (SystemTime::UNIX_EPOCH, vec![1i32, 2], vec![0u8, 255], 1.5f64));
    println!("  ok types");

    let error = client.execute("insert into r (id) values ($1)", &[&1i32]).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!((error.code(), error.constraint()), (&SqlState::UNIQUE_VIOLATION, Some("r_pkey")));
    println!("  ok an error's fields");

    let transaction = client.transaction().await?;
    let portal = transaction.bind("select g from generate_series(1, $1) g", &[&10i32]).await?;
    let (some, rest) = (transaction.query_portal(&portal, 4).await?, transaction.query_portal(&portal, 0).await?);
    assert_eq!((some.len(), rest.len()), (4, 6));
    transaction.commit().await?;
    println!("  ok a portal");

    let mut copy = pin!(client.copy_in::<_, Cursor<Vec<u8>>>("copy r (id, f) from stdin csv").await?);
    copy.send(Cursor::new(b"5,1.5\n6,\n".to_vec())).await?;
    assert_eq!(copy.finish().await?, 2);
    println!("  ok COPY");

    let token = client.cancel_token();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        token.cancel_query(NoTls).await
    });
    let canceled = client.execute("select pg_sleep(20)", &[]).await.unwrap_err();
    assert_eq!(canceled.code(), Some(&SqlState::QUERY_CANCELED));
    let (one, two) = tokio::join!(client.query_one("select 1", &[]), client.query_one("select 2", &[]));
    assert_eq!((one?.get::<_, i32>(0), two?.get::<_, i32>(0)), (1, 2));
    println!("  ok cancel, and two statements at once");
    Ok(())
}
