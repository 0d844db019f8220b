"""Six small databases with other habits than Chinook: abbreviations, flags, dates, junctions, self-references, no keys."""

from __future__ import annotations

import sqlite3

HOSPITAL = """
create table departments (dept_id integer primary key, dept_name text, floor integer, annual_budget real);
create table doctors (doctor_id integer primary key, first_name text, last_name text, specialty text,
    dept_id integer references departments(dept_id), hire_date date, salary real, supervisor_id integer references doctors(doctor_id));
create table patients (patient_id integer primary key, full_name text, gender text, birth_date date, city text, insurance_provider text);
create table appointments (appointment_id integer primary key, patient_id integer references patients(patient_id),
    doctor_id integer references doctors(doctor_id), appointment_date date, status text, duration_minutes integer, fee real);
create table medications (medication_id integer primary key, name text, unit_price real, is_generic boolean);
create table prescriptions (prescription_id integer primary key, appointment_id integer references appointments(appointment_id),
    medication_id integer references medications(medication_id), qty integer);
insert into departments values (1,'Cardiology',2,500000),(2,'Pediatrics',1,300000),(3,'Radiology',0,250000),(4,'Oncology',3,800000);
insert into doctors values (1,'Alice','Morgan','Cardiologist',1,'2010-04-01',210000,null),(2,'Ben','Okafor','Cardiologist',1,'2015-09-15',180000,1),
    (3,'Carla','Diaz','Pediatrician',2,'2018-01-10',150000,1),(4,'Deepak','Rao','Radiologist',3,'2020-06-01',165000,1);
insert into patients values (1,'John Smith','M','1980-05-05','Boston','Aetna'),(2,'Mary Jones','F','1992-08-12','Chicago','Cigna'),
    (3,'Omar Haddad','M','2015-03-30','Boston',null),(4,'Lena Fischer','F','1975-11-02','Denver','Aetna'),(5,'Ann Lee','F','2001-01-01','Boston','Cigna');
insert into appointments values (1,1,1,'2023-01-10','completed',30,200),(2,2,1,'2023-02-11','cancelled',45,0),(3,3,3,'2023-02-15','completed',20,90),
    (4,1,2,'2024-03-01','completed',60,250),(5,4,4,'2024-03-05','no-show',15,0),(6,4,1,'2024-05-20','completed',30,210);
insert into medications values (1,'Aspirin',0.1,1),(2,'Lipitor',2.5,0),(3,'Amoxil',1.2,1),(4,'Zyrtec',0.8,0);
insert into prescriptions values (1,1,1,30),(2,1,2,60),(3,3,3,20),(4,4,2,90),(5,6,1,10);
"""

SHOP = """
create table categories (id integer primary key, name text);
create table suppliers (id integer primary key, company_name text, country text);
create table products (id integer primary key, product_name text, category_id integer references categories(id),
    supplier_id integer references suppliers(id), price real, stock_qty integer, discontinued boolean, launch_year integer);
create table customers (id integer primary key, name text, segment text, city text, country text, signup_date date);
create table orders (id integer primary key, customer_id integer references customers(id), order_date date, shipped_date date, status text,
    shipping_cost real);
create table order_items (id integer primary key, order_id integer references orders(id), product_id integer references products(id),
    quantity integer, unit_price real);
create table reviews (id integer primary key, product_id integer references products(id), customer_id integer references customers(id),
    rating integer, review_date date, comment text);
insert into categories values (1,'Books'),(2,'Toys'),(3,'Garden'),(4,'Music');
insert into suppliers values (1,'Nordic Goods','Sweden'),(2,'Acme Corp','USA'),(3,'Blue Ltd','France');
insert into products values (1,'Atlas',1,1,30,10,0,2019),(2,'Robot',2,2,55.5,0,0,2021),(3,'Spade',3,2,12,100,0,2020),(4,'Puzzle',2,1,18,40,1,2018),
    (5,'Lamp',3,3,25,5,0,2022);
insert into customers values (1,'Ada Byron','Consumer','London','UK','2021-01-05'),(2,'Globex','Corporate','Paris','France','2021-06-30'),
    (3,'Hans Gruber','Consumer','Berlin','Germany','2022-02-11'),(4,'Initech','Corporate','London','UK','2022-12-01'),(5,'Zoe Park','Home Office','Paris','France','2023-03-03');
insert into orders values (1,1,'2023-01-03','2023-01-05','delivered',5),(2,2,'2023-01-20','2023-01-25','delivered',12),(3,1,'2023-03-15',null,'cancelled',0),
    (4,3,'2024-02-01','2024-02-02','shipped',7.5),(5,4,'2024-02-14',null,'pending',9),(6,2,'2024-05-05','2024-05-09','delivered',4);
insert into order_items values (1,1,1,2,30),(2,1,3,1,12),(3,2,2,3,55.5),(4,3,4,1,18),(5,4,1,1,28),(6,5,5,4,25),(7,6,3,10,11),(8,6,1,1,30);
insert into reviews values (1,1,1,5,'2023-02-01','great'),(2,1,3,4,'2024-03-01','good'),(3,2,2,2,'2023-02-10','broke'),(4,3,1,3,'2023-02-02','ok');
"""

LEAGUE = """
create table Team (TeamID integer primary key, TeamName text, City text, FoundedYear integer, StadiumCapacity integer);
create table Player (PlayerID integer primary key, PlayerName text, TeamID integer, Position text, BirthDate text, HeightCm integer, MarketValue real,
    Nationality text);
create table Match (MatchID integer primary key, HomeTeamID integer references Team(TeamID), AwayTeamID integer references Team(TeamID),
    MatchDate text, HomeGoals integer, AwayGoals integer, Attendance integer, Season text);
create table Goal (GoalID integer primary key, MatchID integer references Match(MatchID), PlayerID integer references Player(PlayerID), Minute integer,
    IsPenalty integer);
insert into Team values (1,'Lions','Leeds',1919,37000),(2,'Tigers','Hull',1904,25000),(3,'Bears','York',1922,8000),(4,'Owls','Ripon',1980,3000);
insert into Player values (1,'Sam Hill',1,'Forward','1999-01-02',180,5.5,'England'),(2,'Jon Snow',1,'Goalkeeper','1990-05-05',191,2.0,'Scotland'),
    (3,'Luis Vega',2,'Forward','2001-07-07',175,9.1,'Spain'),(4,'Max Kern',3,'Defender','1995-03-03',186,1.2,'Germany'),(5,'Tom Ford',2,'Midfielder','1998-10-10',178,3.3,'England');
insert into Match values (1,1,2,'2023-08-12',2,1,30000,'2023/24'),(2,2,3,'2023-08-19',0,0,15000,'2023/24'),(3,3,1,'2024-01-10',1,3,7000,'2023/24'),(4,1,3,'2024-09-01',4,0,32000,'2024/25');
insert into Goal values (1,1,1,10,0),(2,1,1,55,1),(3,1,3,80,0),(4,3,4,12,0),(5,3,1,30,0),(6,3,1,41,0),(7,3,1,77,1),(8,4,1,5,0);
"""

RENTAL = """
create table stations (station_id integer primary key, station_name text, district text, docks integer);
create table riders (rider_id integer primary key, rider_name text, home_city text, work_city text, joined_on date, is_member integer);
create table bikes (bike_id integer primary key, model text, bought_on date, electric text);
create table trips (trip_id integer primary key, rider_id integer references riders(rider_id), bike_id integer references bikes(bike_id),
    start_station_id integer references stations(station_id), end_station_id integer references stations(station_id),
    started_at text, ended_at text, distance_m integer, fare_cents integer, paid_epoch integer);
insert into stations values (1,'Mill Lane','North',12),(2,'Old Dock','South',20),(3,'Fair Hill','North',8),(4,'Canal End','West',15);
insert into riders values (1,'Ida Holm','Cork','Galway','2021-03-01',1),(2,'Rui Melo','Galway','Galway','2022-05-05',0),(3,'Una Daly','Cork','Cork','2023-01-09',1);
insert into bikes values (1,'Glide','2020-01-01','N'),(2,'Volt','2021-01-01','Y'),(3,'Volt','2022-06-01','Y'),(4,'Pace','2019-04-01','N');
insert into trips values (1,1,1,1,2,'2023-01-02 08:00:00','2023-01-02 08:20:00',2500,250,1672646400),(2,1,2,2,1,'2023-02-03 09:00:00','2023-02-03 09:30:00',4100,400,1675411200),
    (3,2,2,1,3,'2024-03-04 10:00:00','2024-03-04 10:10:00',1200,150,1709546400),(4,3,3,3,1,'2024-03-05 18:00:00','2024-03-05 19:00:00',9800,900,1709661600);
"""

PAYROLL = """
create table dept (dept_cd text primary key, dept_nm text, cty text);
create table empl (emp_no integer primary key, fst_nm text, lst_nm text, dept_cd text, mgr_no integer, hire_dt text, sal_amt real, part_tm text);
create table proj (proj_cd text primary key, proj_nm text, bdgt_amt real, sts_cd text);
create table asgn (emp_no integer, proj_cd text, hrs integer, primary key (emp_no, proj_cd));
insert into dept values ('FIN','Finance','Oslo'),('ENG','Engineering','Bergen'),('LEG','Legal','Oslo');
insert into empl values (10,'Nora','Lie','FIN',null,'2015-02-01',900000,'N'),(11,'Jon','Moe','ENG',10,'2018-03-05',700000,'N'),
    (12,'Eva','Dahl','ENG',11,'2019-09-09',650000,'Y'),(13,'Ola','Berg','ENG',11,'2021-01-04',600000,'N'),(14,'Mia','Vik','FIN',10,'2022-11-11',550000,'Y');
insert into proj values ('AX','Axle',50000,'open'),('BR','Bridge',120000,'closed'),('CO','Comet',80000,'open');
insert into asgn values (11,'AX',100),(12,'AX',40),(13,'BR',70),(14,'BR',10),(12,'BR',25);
"""

PRESS = """
create table sections (id integer primary key, label text);
create table authors (id integer primary key, first_name text, last_name text, country text, joined date);
create table articles (id integer primary key, title text, section_id integer references sections(id), status text, word_count integer,
    views integer, is_premium boolean, published_on date, updated_on date);
create table article_authors (article_id integer references articles(id), author_id integer references authors(id), primary key (article_id, author_id));
create table comments (id integer primary key, article_id integer references articles(id), parent_id integer references comments(id),
    body text, likes integer, posted_on date);
insert into sections values (1,'Politics'),(2,'Sport'),(3,'Culture');
insert into authors values (1,'Ada','Wolf','Austria','2019-01-01'),(2,'Ben','Cruz','Spain','2020-02-02'),(3,'Cleo','Park','Korea','2021-03-03');
insert into articles values (1,'Harbour vote',1,'published',900,1200,0,'2023-04-01','2023-04-02'),(2,'Cup final',2,'published',700,5300,0,'2023-06-10',null),
    (3,'Night opera',3,'draft',1500,0,1,null,null),(4,'Budget gap',1,'published',1100,2100,1,'2024-01-15','2024-02-01'),(5,'River swim',2,'archived',400,800,0,'2022-07-07',null);
insert into article_authors values (1,1),(1,2),(2,2),(4,1),(5,2),(3,1);
insert into comments values (1,1,null,'well said',4,'2023-04-03'),(2,1,1,'no',0,'2023-04-04'),(3,2,null,'goal',9,'2023-06-11'),(4,4,null,'hm',2,'2024-01-16');
"""


def database(script: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(script)
    return connection
